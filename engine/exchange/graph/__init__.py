"""Microsoft Graph: requests and answers as pure functions, batches of them, and one source on top."""
