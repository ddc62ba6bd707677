"""Tries settings that need not be in force, rung by rung, with the engine's own protocol code and without writing."""
