// Printing an answer by its content format.

#ifndef TUTTI_CLI_PRINT_H
#define TUTTI_CLI_PRINT_H

#include <stdbool.h>
#include <stdio.h>

#include "cli/json.h"
#include "tutti/bus.h"

// "2.05 Content"; the number alone for a code without a name.
const char *tt_code_text(tt_code code, char text[40]);

// Whether a payload of this format is shown as text: also one without a format, a diagnostic.
bool tt_print_is_text(uint16_t content_format);

// CBOR as diagnostic notation, text and links as they are, octets raw, or as hex where `out` is a
// terminal or `readable` is set.
void tt_print_payload(FILE *out, bool readable, uint16_t content_format, const uint8_t *payload,
                      size_t length);

// The same as a JSON object: code ("2.05"), format (the number of the content format), bytes (the
// length), and the payload: CBOR as `value`, by the advice of RFC 8949, 6.1; text as `text`, other
// bytes as `base64url`.
void tt_print_json(FILE *out, tt_code code, uint16_t content_format, const uint8_t *payload,
                   size_t length);

#endif
