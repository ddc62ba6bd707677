"""The only package that knows both sides: it keeps the presences in the PBX equal to what the calendars say."""
