"""The screens, one module each, and their common base."""
