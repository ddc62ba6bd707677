"""Everything that can be done, by name: keys, palette, footer and help are made from this alone."""
