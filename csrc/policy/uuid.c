#include "policy/uuid.h"

void trail_uuid_format(const unsigned char random[16], char text[TRAIL_UUID_TEXT + 1]) {
  static const char digits[] = "0123456789abcdef";
  char *out = text;
  for (int i = 0; i < 16; i++) {
    unsigned char byte = random[i];
    if (i == 6) byte = (unsigned char)(0x40 | (byte & 0x0f)); /* version 4 */
    if (i == 8) byte = (unsigned char)(0x80 | (byte & 0x3f)); /* the RFC's variant */
    if (i == 4 || i == 6 || i == 8 || i == 10) *out++ = '-';
    *out++ = digits[byte >> 4];
    *out++ = digits[byte & 15];
  }
  *out = '\0';
}
