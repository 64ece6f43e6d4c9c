// Printing an answer by its content format.

#ifndef TUTTI_CLI_PRINT_H
#define TUTTI_CLI_PRINT_H

#include <stdio.h>

#include "tutti/bus.h"

// "2.05 Content"; the number alone for a code without a name.
const char *tt_code_text(tt_code code, char text[40]);

// CBOR as diagnostic notation, text and links as they are, octets raw, or as hex where `out` is a
// terminal.
void tt_print_payload(FILE *out, uint16_t content_format, const uint8_t *payload, size_t length);

#endif
