"""Several engines that share the users: who owns which part of them, and for how long it may be believed."""
