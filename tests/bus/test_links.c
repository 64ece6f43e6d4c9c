// /.well-known/core (RFC 6690): many links in blocks of every size, links that change while they
// are read, odd ones, and reading them in pieces.

#include "tests/bus/exchange.h"
#include "tutti/links.h"

#define MANY 500

static tt_resource many[MANY];
static char paths[MANY][TT_BUS_PATH_MAX];

// What is expected, written without the code under test.
static const char *expected_links(bool lamps_only, bool switches_only, const char *prefix)
{
    static char document[COLLECTED_MAX];
    size_t length = 0;
    document[0] = '\0';
    for (unsigned i = 0; i < MANY; i++) {
        bool lamp = i % 3 == 0, is_switch = i % 5 == 0, observable = i % 7 == 0;
        if ((lamps_only && !lamp) || (switches_only && !is_switch) ||
            strncmp(paths[i], prefix, strlen(prefix)) != 0)
            continue;
        length += (size_t)snprintf(document + length, sizeof(document) - length, "%s</%s>%s%s%s",
                                   length > 0 ? "," : "", paths[i], lamp ? ";rt=\"lamp dim\"" : "",
                                   is_switch ? ";if=\"switch\"" : "", observable ? ";obs" : "");
    }
    return document;
}

static void start_many(void)
{
    start();
    for (size_t i = 0; i < TT_COUNT(resources); i++)
        tt_bus_remove(&SERVER->bus, &resources[i]);
    for (unsigned i = 0; i < MANY; i++) {
        snprintf(paths[i], sizeof(paths[i]), "room/%u/thing/%u", i % 10, i);
        many[i] = (tt_resource){.path = paths[i],
                                .type = i % 3 == 0 ? "lamp dim" : NULL,
                                .interface_description = i % 5 == 0 ? "switch" : NULL,
                                .handler = show,
                                .methods = 1 << TT_GET,
                                .observable = i % 7 == 0};
        REQUIRE(tt_bus_add(&SERVER->bus, &many[i]) == TT_OK);
    }
}

// Fetches by blocks of one size, and looks at all that the blocks say.
static void expect_blocks(const char *query, uint8_t exponent, const char *expected)
{
    static char got[COLLECTED_MAX];
    size_t length = 0, block = (size_t)16 << exponent, whole = strlen(expected);
    uint64_t etag = 0;
    bool more = true;
    for (uint32_t number = 0; more; number++) {
        hear_get(".well-known/core", query, number, exponent);
        const tt_message *m = &answer.message;
        REQUIRE(m->code == TT_CONTENT && m->content_format == TT_FORMAT_LINKS);
        EXPECT(m->etag_length == 4 && (number == 0 || m->etag == etag));
        etag = m->etag;
        more = m->block2.more;
        if (whole > 0)
            EXPECT(m->block2.present && m->block2.number == number &&
                   m->block2.exponent == exponent);
        EXPECT_EQUAL(m->size2, number == 0 ? whole : 0);
        REQUIRE(length + m->length <= whole && (!more || m->length == block));
        if (m->length > 0)
            memcpy(got + length, m->payload, m->length);
        length += m->length;
    }
    EXPECT(length == whole && memcmp(got, expected, whole) == 0);
    if (whole == 0)
        return;
    hear_get(".well-known/core", query, (uint32_t)((whole + block - 1) / block), exponent);
    EXPECT_EQUAL(answer.message.code, TT_BAD_OPTION); // beyond the end
}

static void test_many_links(void)
{
    static const struct {
        const char *query, *prefix;
        bool lamps, switches;
    } filters[] = {
        {NULL, "", false, false},
        {"rt=dim", "", true, false},
        {"rt=lam*", "", true, false},
        {"if=switch", "", false, true},
        {"href=/room/3/*", "room/3/", false, false},
        {"href=/room/3/thing/13", "room/3/thing/13", false, false},
        {"rt=nothing", "nowhere", false, false},
        {"rt=lamp d*", "nowhere", false, false}, // no value goes on behind a space
    };
    start_many();
    for (size_t i = 0; i < TT_COUNT(filters); i++)
        for (uint8_t exponent = 0; exponent <= 6; exponent++) {
            bool one = i == 5; // 13, but not 130 to 139, which begin so
            const char *expected =
                one ? "</room/3/thing/13>"
                    : expected_links(filters[i].lamps, filters[i].switches, filters[i].prefix);
            expect_blocks(filters[i].query, exponent, expected);
        }
}

static void test_many_links_by_calls(void)
{
    static collected c;
    start_many();
    const char *expected = expected_links(false, false, "");
    size_t blocks = (strlen(expected) + TT_BUS_BLOCK_MAX - 1) / TT_BUS_BLOCK_MAX;
    for (int own = 0; own < 2; own++) {
        get(&c, own, ".well-known/core", false);
        deliver();
        pass(TT_SECONDS(1));
        EXPECT(c.final && c.status == TT_OK && c.code == TT_CONTENT && c.starts == 1);
        EXPECT_EQUAL(c.pieces, blocks);
        EXPECT(c.length == strlen(expected) && memcmp(c.body, expected, c.length) == 0);
        EXPECT_EQUAL(tt_bus_busy(&SERVER->bus) + tt_bus_busy(&CLIENT->bus), 0);
    }
}

// The links change while they are read: what was read is not put together with what follows.
static void test_links_that_change(void)
{
    static collected c;
    static uint8_t bytes[TT_BUS_MESSAGE_MAX];
    tt_endpoint to;
    size_t length;
    start_many();
    get(&c, true, ".well-known/core", false);
    tt_bus_advance(&SERVER->bus, time_now);
    EXPECT(c.pieces == 1 && !c.final && !c.last);
    tt_bus_remove(&SERVER->bus, &many[0]);
    tt_bus_advance(&SERVER->bus, time_now);
    EXPECT(c.final && c.status == TT_DAMAGED);
    get(&c, false, ".well-known/core", false);
    for (int i = 0; i < 3; i++) { // there, back and there again
        device *from = i % 2 == 0 ? CLIENT : SERVER, *other = i % 2 == 0 ? SERVER : CLIENT;
        REQUIRE(tt_bus_transmit(&from->bus, &to, bytes, sizeof(bytes), &length) == TT_OK);
        if (i == 2)
            REQUIRE(tt_bus_add(&SERVER->bus, &many[0]) == TT_OK);
        tt_bus_receive(&other->bus, time_now, &from->endpoint, bytes, length);
    }
    deliver();
    EXPECT(c.final && c.status == TT_DAMAGED && c.pieces == 2);
    // All but a few go: the next block lies beyond the end.
    for (int own = 0; own < 2; own++) {
        start_many();
        get(&c, own, ".well-known/core", false);
        if (own) {
            tt_bus_advance(&SERVER->bus, time_now);
        } else {
            for (int i = 0; i < 2; i++) {
                device *from = i == 0 ? CLIENT : SERVER, *other = i == 0 ? SERVER : CLIENT;
                REQUIRE(tt_bus_transmit(&from->bus, &to, bytes, sizeof(bytes), &length) == TT_OK);
                tt_bus_receive(&other->bus, time_now, &from->endpoint, bytes, length);
            }
        }
        EXPECT(c.pieces == 1 && !c.final);
        for (unsigned i = 3; i < MANY; i++)
            tt_bus_remove(&SERVER->bus, &many[i]);
        deliver();
        pass(TT_MS(1));
        EXPECT(c.final && c.status == TT_DAMAGED);
    }
}

// Links of odd resources can be read again (RFC 6690, 2; RFC 3986, 2.1).
static void test_odd_links(void)
{
    static tt_resource odd = {.path = "a b/\"c\">,d%20\xc3\xa4/;e=@!",
                              .type = "say \"hi\" \\o/",
                              .handler = show,
                              .methods = 1 << TT_GET};
    asked a;
    tt_link link;
    size_t at = 0;
    start();
    REQUIRE(tt_bus_add(&SERVER->bus, &odd) == TT_OK);
    ask(&a, CLIENT, SERVER, TT_GET, ".well-known/core", "href=/a*", NULL, 0);
    EXPECT_ANSWER(a, TT_CONTENT);
    EXPECT_TEXT(a.payload, "</a%20b/%22c%22%3E,d%2520%C3%A4/;e=@!>;rt=\"say \\\"hi\\\" \\\\o/\"");
    EXPECT(tt_link_next(a.payload, a.length, &at, &link) == TT_OK);
    EXPECT_TEXT(link.path, odd.path);
    EXPECT_TEXT(link.type, odd.type);
    EXPECT(tt_link_next(a.payload, a.length, &at, &link) == TT_EMPTY);
}

// Every byte that a path may have, as %XX with capitals and without; what only looks so stays as it
// is.
static void test_percent(void)
{
    static const char *const other[] = {"%",   "%4",  "%g1", "%1g", "%G1", "%1G", "%@1", "%1@",
                                        "%`1", "%1`", "%/1", "%1/", "%:1", "%1:", "%00", "%%1"};
    tt_link link;
    char text[16];
    for (unsigned byte = 1; byte < 256; byte++)
        for (int capitals = 0; capitals < 2; capitals++) {
            size_t at = 0;
            snprintf(text, sizeof(text), capitals ? "</a%%%02Xb>" : "</a%%%02xb>", byte);
            REQUIRE(tt_link_next(text, strlen(text), &at, &link) == TT_OK);
            EXPECT(strlen(link.path) == 3 && (uint8_t)link.path[1] == byte && link.path[2] == 'b');
        }
    for (size_t i = 0; i < TT_COUNT(other); i++) {
        size_t at = 0;
        snprintf(text, sizeof(text), "</%s>", other[i]);
        REQUIRE(tt_link_next(text, strlen(text), &at, &link) == TT_OK);
        EXPECT_TEXT(link.path, other[i]);
    }
}

// An attribute is looked for as far as the link is one.
static void test_values(void)
{
    static const struct {
        const char *link;
        tt_status status;
    } cases[] = {{"<x>;b=1", TT_OK},
                 {"<x>;a;b=1", TT_OK},
                 {"<x>;;b=1", TT_MALFORMED},
                 {"<x>;a=1", TT_NOT_FOUND},
                 {"<x>", TT_NOT_FOUND},
                 {"x;b=1", TT_MALFORMED},
                 {"", TT_MALFORMED},
                 {"<x>;a=\"1;b=2", TT_MALFORMED},
                 {"<x>;a=\"1;b=2\"", TT_NOT_FOUND}};
    for (size_t i = 0; i < TT_COUNT(cases); i++) {
        char value[8] = "";
        EXPECT_EQUAL(tt_link_value(cases[i].link, strlen(cases[i].link), "b", value, sizeof(value)),
                     cases[i].status);
        EXPECT_TEXT(value, cases[i].status == TT_OK ? "1" : "");
    }
}

// Links in pieces of every size are the links of the whole.
static void test_links_in_pieces(void)
{
    static const char whole[] = "</a>;rt=\"x,y \\\"<z\",</b,c>;obs,,</d>;if=\"p\\\\\",</e>";
    static const char *const wanted_paths[] = {"a", "b,c", "d", "e"};
    char text[64];
    for (size_t size = 1; size < sizeof(whole); size++) {
        tt_links links;
        unsigned found = 0, odd = 0;
        tt_links_init(&links, text, sizeof(text));
        for (size_t begin = 0; begin < sizeof(whole) - 1; begin += size) {
            size_t left = sizeof(whole) - 1 - begin, length = left < size ? left : size, at = 0;
            tt_link link;
            tt_status status;
            while ((status = tt_links_take(&links, whole + begin, length, &at, length == left,
                                           &link)) != TT_EMPTY) {
                odd += status == TT_MALFORMED; // nothing between two commas
                if (status != TT_OK)
                    continue;
                REQUIRE(found < TT_COUNT(wanted_paths));
                EXPECT_TEXT(link.path, wanted_paths[found]);
                EXPECT_TEXT(link.type, found == 0 ? "x,y \"<z" : "");
                EXPECT(link.observable == (found == 1));
                found++;
            }
        }
        EXPECT(found == 4 && odd == 1);
    }
    // One that has no room is passed over, and those around it are not.
    tt_links links;
    tt_link link;
    size_t at = 0;
    static const char three[] = "</a>,</bcdefgh>,</i>";
    tt_links_init(&links, text, 8);
    EXPECT(tt_links_take(&links, three, strlen(three), &at, true, &link) == TT_OK);
    EXPECT(tt_links_take(&links, three, strlen(three), &at, true, &link) == TT_TOO_LARGE);
    EXPECT(tt_links_take(&links, three, strlen(three), &at, true, &link) == TT_OK);
    EXPECT_TEXT(link.path, "i");
    EXPECT(tt_links_take(&links, three, strlen(three), &at, true, &link) == TT_EMPTY);
}

int main(void)
{
    test_many_links();
    test_many_links_by_calls();
    test_links_that_change();
    test_odd_links();
    test_percent();
    test_values();
    test_links_in_pieces();
    return test_result();
}
