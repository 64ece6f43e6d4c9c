// SHA-256 by NIST's examples (FIPS 180-2, appendix B; CAVP's SHA256ShortMsg for the empty one), in
// pieces of every size, and at the lengths where the padding takes another block.

#include "base/sha256.h"
#include "tests/test.h"

static const char *digest_of(const void *bytes, size_t length, size_t piece)
{
    static char text[2 * TT_SHA256_BYTES + 1];
    uint8_t digest[TT_SHA256_BYTES];
    tt_sha256 hash;
    tt_sha256_start(&hash);
    for (size_t at = 0; at < length; at += piece)
        tt_sha256_add(&hash, (const char *)bytes + at, length - at < piece ? length - at : piece);
    tt_sha256_end(&hash, digest);
    for (unsigned i = 0; i < TT_SHA256_BYTES; i++)
        snprintf(text + 2 * i, 3, "%02x", digest[i]);
    return text;
}

// Each length from 0 to 129 bytes, all digests hashed together: what sha256sum says of the same.
static void check_lengths(void)
{
    char bytes[129];
    uint8_t digest[TT_SHA256_BYTES];
    tt_sha256 all, one;
    tt_sha256_start(&all);
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (char)i;
    for (size_t length = 0; length <= sizeof(bytes); length++) {
        tt_sha256_start(&one);
        tt_sha256_add(&one, bytes, length);
        tt_sha256_end(&one, digest);
        tt_sha256_add(&all, digest, sizeof(digest));
    }
    tt_sha256_end(&all, digest);
    char text[2 * TT_SHA256_BYTES + 1];
    for (unsigned i = 0; i < TT_SHA256_BYTES; i++)
        snprintf(text + 2 * i, 3, "%02x", digest[i]);
    EXPECT_TEXT(text, "105812602bb337abca31d9f6bf3a57a3907500005fad7c01e1e1140aa77e4499");
}

int main(void)
{
    static const char *const messages[][2] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    };
    for (unsigned i = 0; i < 3; i++)
        for (size_t piece = 1; piece < 70; piece++)
            EXPECT_TEXT(digest_of(messages[i][0], strlen(messages[i][0]), piece), messages[i][1]);
    static char million[1000000];
    memset(million, 'a', sizeof(million));
    static const size_t pieces[] = {1, 63, 64, 65, 1000, sizeof(million)};
    for (unsigned i = 0; i < 6; i++)
        EXPECT_TEXT(digest_of(million, sizeof(million), pieces[i]),
                    "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    check_lengths();
    return test_result();
}
