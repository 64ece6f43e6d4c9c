// One CBOR document: skipping, searching and telling it agree on whether it is well-formed.

#include "tutti/cbor.h"
#include "tutti/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char notation[4096];
    tt_reader skipped, told, searched;
    tt_text text;
    tt_text_init(&text, notation, sizeof(notation));
    tt_reader_init(&skipped, data, size);
    tt_reader_init(&told, data, size);
    tt_reader_init(&searched, data, size);
    bool whole = tt_cbor_skip(&skipped) == TT_OK;
    TT_CHECK(whole == (tt_cbor_diagnose(&told, &text) == TT_OK));
    TT_CHECK(!whole || skipped.offset == told.offset);
    (void)tt_cbor_find(&searched, "key");
    return 0;
}
