"""The settings of a site: types, keys, parsers, and reading and editing the settings file."""
