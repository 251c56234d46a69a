#include "fault_certificate.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>

enum { HOUR = 3600, DAY = 24 * HOUR };

enum issuer { TRUSTED, STRANGER, ITSELF };

struct identity {
  const char *name;
  const char *hosts;
  enum issuer issuer;
  long from, to; /* seconds from now */
  X509 *certificate;
};

static struct identity identities[] = {
    {"good", "IP:127.0.0.1,DNS:localhost", TRUSTED, -HOUR, DAY, NULL},
    {"wrong-host", "DNS:other.test", TRUSTED, -HOUR, DAY, NULL},
    {"expired", "IP:127.0.0.1,DNS:localhost", TRUSTED, -2 * DAY, -DAY, NULL},
    {"not-yet-valid", "IP:127.0.0.1,DNS:localhost", TRUSTED, DAY, 2 * DAY, NULL},
    {"unknown-issuer", "IP:127.0.0.1,DNS:localhost", STRANGER, -HOUR, DAY, NULL},
    {"self-signed", "IP:127.0.0.1,DNS:localhost", ITSELF, -HOUR, DAY, NULL},
};

enum { IDENTITIES = sizeof identities / sizeof identities[0] };

static EVP_PKEY *key; /* one for all: what differs is what is said of it */
static X509 *authorities[2];

static bool add_extension(X509 *certificate, int nid, const char *value) {
  X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
  bool added = extension && X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
  return added;
}

static bool name(X509_NAME *to, const char *common_name) {
  return X509_NAME_add_entry_by_txt(to, "CN", MBSTRING_ASC, (const unsigned char *)common_name, -1,
                                    -1, 0) == 1;
}

/* A certificate without extensions or signature. */
static X509 *begin(long serial, const char *common_name, long from, long to) {
  X509 *certificate = X509_new();
  if (!certificate) return NULL;
  if (X509_set_version(certificate, 2) &&
      ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial) &&
      X509_gmtime_adj(X509_getm_notBefore(certificate), from) &&
      X509_gmtime_adj(X509_getm_notAfter(certificate), to) &&
      name(X509_get_subject_name(certificate), common_name) && X509_set_pubkey(certificate, key))
    return certificate;
  X509_free(certificate);
  return NULL;
}

static X509 *make_authority(long serial, const char *common_name) {
  X509 *authority = begin(serial, common_name, -3 * DAY, 3 * DAY);
  if (authority && X509_set_issuer_name(authority, X509_get_subject_name(authority)) &&
      add_extension(authority, NID_basic_constraints, "critical,CA:TRUE") &&
      X509_sign(authority, key, EVP_sha256()))
    return authority;
  X509_free(authority);
  return NULL;
}

static bool make_identity(struct identity *identity, long serial) {
  X509 *certificate = begin(serial, identity->name, identity->from, identity->to);
  X509 *issuer = identity->issuer == ITSELF ? certificate : authorities[identity->issuer];
  identity->certificate = certificate;
  return certificate && X509_set_issuer_name(certificate, X509_get_subject_name(issuer)) &&
         add_extension(certificate, NID_subject_alt_name, identity->hosts) &&
         X509_sign(certificate, key, EVP_sha256());
}

static bool write_authority(const char *path) {
  FILE *file = fopen(path, "w");
  if (!file) return false;
  bool written = PEM_write_X509(file, authorities[TRUSTED]);
  return fclose(file) == 0 && written;
}

bool fault_certificate_make(const char *ca_path) {
  key = EVP_EC_gen("P-256");
  if (!key) return false;
  authorities[TRUSTED] = make_authority(1, "trusted");
  authorities[STRANGER] = make_authority(2, "stranger");
  if (!authorities[TRUSTED] || !authorities[STRANGER]) return false;
  for (int i = 0; i < IDENTITIES; i++)
    if (!make_identity(&identities[i], 10 + i)) return false;
  return write_authority(ca_path);
}

bool fault_certificate_use(SSL_CTX *context, const char *identity) {
  for (int i = 0; i < IDENTITIES; i++)
    if (strcmp(identities[i].name, identity) == 0)
      return SSL_CTX_use_certificate(context, identities[i].certificate) == 1 &&
             SSL_CTX_use_PrivateKey(context, key) == 1;
  return false;
}
