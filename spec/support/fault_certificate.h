/* The fault server's identities: one it should have, and those no client may accept.
 *
 * They are made when the server starts and live in its memory; only the certificate of the
 * authority that a client is to trust goes to a file.
 */
#ifndef FAULT_CERTIFICATE_H
#define FAULT_CERTIFICATE_H

#include <openssl/ssl.h>
#include <stdbool.h>

/* Makes all of them and writes the trusted authority's certificate to `ca_path`. */
bool fault_certificate_make(const char *ca_path);

/* Gives a context the identity: "good", "wrong-host", "expired", "not-yet-valid", "unknown-issuer"
 * or "self-signed". */
bool fault_certificate_use(SSL_CTX *context, const char *identity);

#endif
