/* A resolver that does not answer, for a child that is started with LD_PRELOAD: getaddrinfo sleeps. */
#include <netdb.h>
#include <unistd.h>

__attribute__((visibility("default"))) int getaddrinfo(const char *node, const char *service,
                                                       const struct addrinfo *hints,
                                                       struct addrinfo **result) {
  (void)node, (void)service, (void)hints, (void)result;
  sleep(20);
  return EAI_AGAIN;
}
