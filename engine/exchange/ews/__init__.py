"""Exchange Web Services: requests and answers as pure functions, autodiscover as a state machine, one source on top."""
