"""The themes with their colours, and the style sheet."""

from textual.theme import Theme

from calendar_tui.terminal import ThemeName

DARK = Theme(
    name="calendar-dark",
    primary="#5fafff",
    secondary="#949494",
    warning="#ffd75f",
    error="#ff875f",
    success="#5fd7af",
    accent="#d787ff",
    foreground="#d0d0d0",
    background="#121212",
    surface="#121212",
    panel="#303030",
    dark=True,
    variables={"muted": "#949494", "busy": "#ffaf00", "away": "#5fd7d7", "on-colour": "#121212"},
)
LIGHT = Theme(
    name="calendar-light",
    primary="#005faf",
    secondary="#626262",
    warning="#875f00",
    error="#af0000",
    success="#005f5f",
    accent="#870087",
    foreground="#262626",
    background="#ffffff",
    surface="#ffffff",
    panel="#dadada",
    dark=False,
    variables={"muted": "#626262", "busy": "#af5f00", "away": "#005f87", "on-colour": "#ffffff"},
)
ANSI = Theme(
    name="calendar-ansi",
    ansi=True,
    primary="ansi_cyan",
    secondary="ansi_default",
    warning="ansi_bright_yellow",
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
        "busy": "ansi_yellow",
        "away": "ansi_cyan",
        "on-colour": "ansi_black",
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
"""The sixteen colours of the terminal; without colours what remains is bold, dim and reverse."""

THEMES = {ThemeName.DARK: DARK, ThemeName.LIGHT: LIGHT, ThemeName.ANSI: ANSI}

CSS = """
Screen { background: $background; color: $foreground; layout: vertical; layers: usual above; }
LineView { height: 1fr; width: 1fr; background: $background; color: $foreground; }
LineView.one-line { height: 1; }
LineView.as-needed { height: 0; }
LineView .lines--muted { color: $muted; }
LineView .lines--edge { color: $muted; }
LineView .lines--title { text-style: bold; }
LineView .lines--busy { color: $busy; }
LineView .lines--away { color: $away; }
LineView .lines--dnd { color: $accent; text-style: bold; }
LineView .lines--good { color: $success; }
LineView .lines--problem { color: $error; text-style: bold; }
LineView .lines--notice { color: $warning; }
LineView .lines--key { color: $primary; text-style: bold; }
LineView .lines--chip { color: $primary; text-style: bold; }
LineView .lines--bar { color: $primary; }
LineView .lines--tag { color: $primary; }
LineView .lines--attribute { color: $away; }
LineView .lines--value { color: $warning; }
LineView .lines--entity { color: $accent; }
LineView .lines--tab { color: $on-colour; background: $primary; text-style: bold; }
LineView .lines--banner { color: $on-colour; background: $warning; text-style: bold; }
LineView .lines--alarm { color: $on-colour; background: $error; text-style: bold; }
LineView .lines--found { text-style: bold reverse; }
LineView .lines--field { background: $panel; }
LineView .lines--hint { background: $panel; color: $muted; }
LineView .lines--cursor { background: $panel; }
.-mono LineView .lines--muted { text-style: dim; }
.-mono LineView .lines--edge { text-style: dim; }
.-mono LineView .lines--tab { text-style: bold reverse; }
.-mono LineView .lines--banner { text-style: bold reverse; }
.-mono LineView .lines--alarm { text-style: bold reverse; }
.-few-colours LineView .lines--cursor { text-style: reverse; }
#body, #panes { height: 1fr; }
Form { layout: horizontal; layers: usual above; height: 1fr; }
#form-rail { width: 18; }
#form-input { position: absolute; layer: above; width: 0; }
#form-input, #form-input:focus { height: 1; padding: 0; border: none; background: $panel; }
#field-box { position: absolute; layer: above; height: 1; width: 20; }
Field Input, Field Input:focus { width: 1fr; height: 1; padding: 0; border: none; background: $panel; }
LineView.field-side { width: 1; height: 1; background: $panel; }
.labelled { height: 1; }
LineView.label { width: 12; height: 1; }
.labelled Field { width: 40; height: 1; }
#capture-help { height: 1fr; }
#too-small { display: none; }
.-too-small > * { display: none; }
.-too-small > #too-small { display: block; layer: above; dock: top; width: 100%; height: 100%; }
Input, Input:focus { border: none; height: 1; padding: 0 1; background: $panel; color: $foreground; }
"""
