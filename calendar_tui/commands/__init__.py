"""The commands by name; keys, palette, footer and help are all made from them."""
