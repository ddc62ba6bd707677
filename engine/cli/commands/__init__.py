"""The commands of `calendar-engine` as they are typed, one module for those that belong together.

Each declares its parser in `add`, and as `run` what takes the options and returns the exit status. What carries a
command out is imported when it runs, so that no command waits for the libraries of another.
"""
