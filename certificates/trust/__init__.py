"""Whose signatures count: keys, and the lists of foreign keys that the health office has confirmed."""

from certificates.trust.keys import KeyRing, TrustedKey, UnreadableCertificate, kid_of, public_key_der, read_certificate

__all__ = ["KeyRing", "TrustedKey", "UnreadableCertificate", "kid_of", "public_key_der", "read_certificate"]
