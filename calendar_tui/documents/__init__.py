"""What the screens say, as plain data: fed by the engine, and testable without a terminal."""
