"""Step-by-step checks of settings, in force or not, with the engine's own protocol code and without writing."""
