"""The page's messages in other languages, one `page.po` each; `python -m service.locale` brings them up to date."""
