"""Where e-mail leaves: a mail server, or a folder."""
