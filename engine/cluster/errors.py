"""Failures of a node of a cluster."""

from engine.core.errors import Failure, Fault, Scope


class NodeNameTaken(Failure):
    """Another engine is running under this node's name. This one waits, and writes nothing."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "Another engine is running under the name of this node"
    remedy = (
        "Give each engine a cluster.node of its own, which a copied machine brings along from the original; or stop "
        "the other engine. This one starts to work once the name is free."
    )
