"""Tests of recognising the master PBX."""

import pytest

from engine.pbx.connection import MasterCheck
from engine.pbx.errors import PbxRightsMissing, WrongPbx
from engine.pbx.protocol import PbxInfo

BOTH = frozenset({"PbxApi", "PbxTableUsers", "Services"})


def test_the_name_is_compared_regardless_of_case() -> None:
    check = MasterCheck("Master")
    check.check(PbxInfo("mASTER", "", BOTH))
    assert check.passed


def test_another_name_is_the_wrong_pbx() -> None:
    with pytest.raises(WrongPbx, match="its name is branch, not master"):
        MasterCheck("master").check(PbxInfo("branch", "", BOTH))


@pytest.mark.parametrize(
    ("apis", "missing"),
    [
        (frozenset({"PbxApi"}), "PbxTableUsers"),
        (frozenset({"PbxTableUsers"}), "PbxApi"),
        (frozenset[str](), "PbxApi, PbxTableUsers"),
    ],
)
def test_missing_rights_are_named(apis: frozenset[str], missing: str) -> None:
    with pytest.raises(PbxRightsMissing) as caught:
        MasterCheck("master").check(PbxInfo("master", "", apis))
    assert caught.value.detail == missing


def test_one_user_at_home_at_the_master_is_proof() -> None:
    check = MasterCheck("master")
    check.inferred({"branch", "MASTER"})
    assert check.passed


@pytest.mark.parametrize(("homes", "named"), [({"b", "a"}, "but a, b"), ({""}, "but no PBX")])
def test_users_at_home_elsewhere_alone_mean_the_wrong_pbx(homes: set[str], named: str) -> None:
    with pytest.raises(WrongPbx, match=named):
        MasterCheck("master").inferred(homes)


def test_without_users_nothing_is_proved() -> None:
    check = MasterCheck("master")
    check.inferred(set())
    assert not check.passed


def test_a_pbx_that_tells_no_name_is_judged_by_its_users() -> None:
    check = MasterCheck("master")
    check.check(PbxInfo("", "", BOTH))
    assert not check.passed
