"""The only room that knows both sides: it keeps the presence in the PBX equal to what the calendars say."""
