"""The debug log: exchanges with Exchange are captured, kept in a database of their own, searched and handed out."""
