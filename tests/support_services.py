"""What the panels of the services show: the values that a plan waits for."""

from __future__ import annotations

__all__ = ["KEY", "PANEL"]

KEY = "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDwIRP/UC3SBsEmGqZ9ZJW3/DkMoGeLnQg1fWn7/zYtIxN2SnFCjxOCKG9v3b4j"
KEY += "YfcTNh5ijSsq631uBItLa7od+v/RtdC2UzJ1lWT947qR+Rcac2gbto/NMqJ0fzfVjH4O"
KEY += "uKhitdY9tf6mcwGjaNBcWToIMmPSPDdQPNUYckcQ2QIDAQAB"
# The keys are those of the templates.
PANEL = {
    "Brevo": {"code": "1f2e3d"},
    "SMTP2GO": {"number": "588925"},
    "Elastic Email": {"key": KEY},
    "Amazon SES": {"token1": "aaa", "token2": "bbb", "token3": "ccc", "region": "ap-northeast-1"},
    "Mailgun": {"id": "9d876"},
    "SendGrid": {"number": "77", "account": "u123.wl45.sendgrid.net"},
    "Postmark": {"selector": "20261101pm", "key": KEY},
    "Resend": {"key": KEY, "region": "eu-west-1"},
    "Mailchimp Transactional": {"code": "AbC9"},
    "sender.example": {},  # the practice internet's own
}
