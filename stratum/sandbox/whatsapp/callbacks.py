"""The question that a webhook address must answer before it gets anything."""

import http.client
import secrets
from urllib.parse import urlencode, urlsplit

from stratum.sandbox.whatsapp.courier import connect


def confirm(url: str, token: str) -> str:
    """Ask the address for its challenge; what went wrong, empty when it came back."""
    target, challenge = urlsplit(url), str(secrets.randbelow(10**10))
    asked = urlencode({"hub.mode": "subscribe", "hub.challenge": challenge, "hub.verify_token": token})
    query = f"{target.query}&{asked}" if target.query else asked
    try:
        connection = connect(target.scheme, target.netloc)
        try:
            connection.request("GET", f"{target.path or '/'}?{query}", headers={"User-Agent": "facebookplatform/1.0"})
            answer = connection.getresponse()
            body = answer.read(1000)
        finally:
            connection.close()
    except (OSError, http.client.HTTPException, ValueError) as error:
        return f"curl_errno = 7; curl_error = {error}; HTTP Status Code = 0; HTTP Message ="
    if answer.status != 200:
        return f"HTTP Status Code = {answer.status}; HTTP Message = {answer.reason}"
    if body.strip() != challenge.encode():
        return f"HTTP Status Code = 200; HTTP Message = {answer.reason}; the response does not match the challenge"
    return ""
