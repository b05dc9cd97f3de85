//! JSON Object Signing: compact JWS (RFC 7515), JWK (RFC 7517), algorithms (RFC 7518, RFC 8037).
