"""Who may call what: keys, scopes, the page's cookie. No aiohttp here; `app.middleware.auth` asks the questions."""
