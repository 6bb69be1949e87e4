"""A stand-in for both messengers in the browser: genuine signed webhooks, nothing shortened.

Mounted at ``/simulator`` where BOT_SIMULATOR is set. What a visitor types goes to the bot's own
endpoints over HTTP, signed with the bot's own secrets; the answers come back to callback URLs
that wear out as the real ones do. The page hears of everything by server-sent events.
"""
