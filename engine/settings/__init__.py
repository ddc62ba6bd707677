"""The settings of a site: their types, and how they are read from a file that people edit."""
