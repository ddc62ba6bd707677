"""The themes with their colours, and the style sheet."""

from textual.theme import Theme

from calendar_tui.terminal import ThemeName

DARK = Theme(
    name="calendar-dark",
    primary="#4aa3df",
    secondary="#8aa0b4",
    warning="#e0a030",
    error="#ff7a66",
    success="#6cb6ff",
    accent="#c792ea",
    foreground="#d8dee4",
    background="#101418",
    surface="#101418",
    panel="#1b2229",
    dark=True,
    variables={"muted": "#8b98a5", "away": "#56c8d8"},
)
LIGHT = Theme(
    name="calendar-light",
    primary="#0a5a9c",
    secondary="#4a5a68",
    warning="#8a5200",
    error="#b3261e",
    success="#0a5a9c",
    accent="#7b2d9b",
    foreground="#1b1f23",
    background="#fbfbfa",
    surface="#fbfbfa",
    panel="#e8ebee",
    dark=False,
    variables={"muted": "#5c6670", "away": "#006b7a"},
)
ANSI = Theme(
    name="calendar-ansi",
    ansi=True,
    primary="ansi_blue",
    secondary="ansi_default",
    warning="ansi_yellow",
    error="ansi_bright_red",
    success="ansi_cyan",
    accent="ansi_magenta",
    foreground="ansi_default",
    background="ansi_default",
    surface="ansi_default",
    panel="ansi_default",
    boost="ansi_default",
    dark=True,
    variables={
        "muted": "ansi_default",
        "away": "ansi_cyan",
        "ansi-background": "ansi_black",
        "ansi-foreground": "ansi_white",
        "block-cursor-foreground": "ansi_black",
        "block-cursor-background": "ansi_white",
        "input-cursor-background": "ansi_white",
        "input-cursor-foreground": "ansi_black",
        "input-selection-background": "ansi_blue",
        "input-selection-foreground": "ansi_white",
        "screen-selection-background": "ansi_blue",
        "screen-selection-foreground": "ansi_white",
    },
)
THEMES = {ThemeName.DARK: DARK, ThemeName.LIGHT: LIGHT, ThemeName.ANSI: ANSI}

CSS = """
Screen { background: $background; color: $foreground; layout: vertical; layers: usual above; }
LineView { height: 1fr; width: 1fr; background: $background; color: $foreground; }
LineView.one-line { height: 1; }
LineView.as-needed { height: 0; }
LineView .lines--muted { color: $muted; }
LineView .lines--title { text-style: bold; }
LineView .lines--busy { color: $warning; }
LineView .lines--away { color: $away; }
LineView .lines--dnd { color: $accent; text-style: bold; }
LineView .lines--good { color: $success; }
LineView .lines--problem { color: $error; text-style: bold; }
LineView .lines--notice { color: $warning; }
LineView .lines--key { color: $primary; text-style: bold; }
LineView .lines--chip { background: $panel; text-style: bold; }
LineView .lines--bar { color: $primary; }
LineView .lines--tag { color: $primary; }
LineView .lines--attribute { color: $away; }
LineView .lines--value { color: $warning; }
LineView .lines--entity { color: $accent; }
LineView .lines--banner { color: $warning; text-style: bold reverse; }
LineView .lines--found { text-style: bold reverse; }
#bodies, BodyPane { height: 1fr; width: 1fr; }
#response-pane { margin-left: 1; }
#too-small { display: none; }
.-too-small > * { display: none; }
.-too-small > #too-small { display: block; layer: above; dock: top; width: 100%; height: 100%; }
Input, Input:focus { border: none; height: 1; padding: 0 1; background: $panel; color: $foreground; }
"""
