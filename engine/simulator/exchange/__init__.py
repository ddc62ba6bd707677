"""An Exchange server to talk to: what IIS and EWS do on the wire, strict where the real ones are."""
