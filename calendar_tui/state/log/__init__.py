"""What the log inspector shows, as plain data: a window on a long log, filters, figures and one exchange."""
