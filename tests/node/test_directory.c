// A node and a directory (RFC 9176) that is played by hand, in virtual time: what it is told and
// asked, that it is told anew when it forgets, and that nothing it says costs more than it should.

#include "bus/message.h"
#include "tests/node/host.h"
#include "tutti/cbor.h"
#include "tutti/check.h"
#include "tutti/directory.h"

#define LINKS_MAX (1 << 20)

static tt_node node;
static tt_directory directory;
static const tt_endpoint place = {.ip = {0xfd, 0xd0, [15] = 0xd}, .port = 5683};

// The directory as it is played.
static struct {
    bool silent, forgetful, no_location, endless;
    tt_code refuses; // registrations
    const char *services;
    char links[LINKS_MAX]; // what a look is answered with
    unsigned finds, registrations, renewals, looks, blocks, removals;
    char query[TT_BUS_QUERY_MAX], body[4096];
    size_t body_length;
    uint16_t format;
    tt_time heard, longest; // a registration or renewal; between two
} played;

// Other devices, by the last byte of their address: alive where they have a name.
static char names[256][TT_NAME_MAX];
static bool asked[256];
static unsigned asks, pings, found, elsewhere;

static size_t own_addresses(tt_platform *platform, tt_endpoint *addresses, size_t capacity)
{
    (void)platform, (void)capacity;
    addresses[0] = (tt_endpoint){.ip = {0xfd, 0xd0, [15] = 1}};
    return 1;
}

// The block of a text that is asked for.
static void write_window(tt_message_writer *w, const tt_message *m, const char *text)
{
    size_t size = m->block2.present ? tt_block_bytes(&m->block2) : 1024, length = strlen(text);
    size_t from = m->block2.number * size;
    if (played.endless && m->path[0] == 'l')
        from %= 1024 * 8;
    REQUIRE(from < length || length == 0);
    size_t left = length - from;
    bool more = left > size || (played.endless && m->path[0] == 'l');
    tt_message_option_number(w, TT_OPTION_CONTENT_FORMAT, TT_FORMAT_LINKS);
    tt_message_option_block(w, TT_OPTION_BLOCK2,
                            &(tt_block){.more = more,
                                        .exponent = m->block2.present ? m->block2.exponent : 6,
                                        .number = m->block2.number});
    tt_message_payload(w, text + from, left < size ? left : size);
}

static void note_told(void)
{
    if (played.heard != 0 && host.now - played.heard > played.longest)
        played.longest = host.now - played.heard;
    played.heard = host.now;
}

static unsigned take_registration(const tt_message *m)
{
    played.registrations++;
    note_told();
    strcpy(played.query, m->query);
    played.format = m->content_format;
    size_t offset = m->block1.number * tt_block_bytes(&m->block1);
    REQUIRE(offset + m->length <= sizeof(played.body));
    if (m->length > 0)
        memcpy(played.body + offset, m->payload, m->length);
    played.body_length = offset + m->length;
    return played.refuses != 0 ? played.refuses : m->block1.more ? TT_CONTINUE : TT_CREATED;
}

static unsigned take_other(const tt_message *m, bool *gives_links)
{
    bool ours = strcmp(m->path, "reg/7/") == 0;
    *gives_links = m->code == TT_GET && strcmp(m->path, "look") == 0;
    played.blocks += *gives_links;
    played.looks += *gives_links && m->block2.number == 0;
    if (*gives_links)
        return TT_CONTENT;
    if (ours && m->code == TT_POST) {
        played.renewals += !played.forgetful;
        if (!played.forgetful)
            note_told();
        return played.forgetful ? TT_PATH_NOT_FOUND : TT_CHANGED;
    }
    played.removals += ours && m->code == TT_DELETE;
    return ours ? TT_DELETED : TT_PATH_NOT_FOUND;
}

static void play_directory(const tt_message *m)
{
    static char writes[TT_BUS_MESSAGE_MAX];
    tt_message_writer w;
    bool core = strcmp(m->path, ".well-known/core") == 0, looks = false;
    bool registers = m->code == TT_POST && strcmp(m->path, "tell") == 0;
    played.finds += core;
    unsigned code = core ? TT_CONTENT : registers ? take_registration(m) : take_other(m, &looks);
    tt_message_begin(&w, writes, sizeof(writes), TT_ACKNOWLEDGEMENT, code, m->id, &m->token);
    if (registers && code == TT_CREATED && !played.no_location)
        tt_message_option_parts(&w, TT_OPTION_LOCATION_PATH, "reg/7/", '/');
    if (core || looks)
        write_window(&w, m, core ? played.services : played.links);
    else if (m->block1.present)
        tt_message_option_block(&w, TT_OPTION_BLOCK1, &m->block1);
    tt_datagram *d = host_add(&place);
    d->length = w.out.length;
    memcpy(d->data, writes, d->length);
}

// Another device tells its life, or answers a ping.
static void play_device(const tt_message *m, const tt_endpoint *at)
{
    const char *name = names[at->ip[15]];
    asks += m->code == TT_GET;
    pings += m->code == 0;
    asked[at->ip[15]] = true;
    if (at->ip[0] != 0xfd || name[0] == '\0')
        return;
    uint8_t body[64];
    tt_writer b;
    tt_writer_init(&b, body, sizeof(body));
    tt_cbor_map(&b, 2);
    tt_cbor_text(&b, "boot");
    tt_cbor_unsigned(&b, 5);
    tt_cbor_text(&b, "name");
    tt_cbor_text(&b, name);
    tt_datagram *d = host_add(at);
    tt_message_writer w;
    bool ping = m->code == 0;
    tt_message_begin(&w, d->data, sizeof(d->data), ping ? TT_RESET_MESSAGE : TT_ACKNOWLEDGEMENT,
                     ping ? 0 : TT_CONTENT, m->id, &m->token);
    if (!ping) {
        tt_message_option_number(&w, TT_OPTION_CONTENT_FORMAT, TT_FORMAT_CBOR);
        tt_message_payload(&w, body, b.length);
    }
    d->length = w.out.length;
}

static tt_status send_datagram(tt_platform *platform, const tt_datagram *datagram)
{
    tt_message m;
    (void)platform;
    if (datagram->socket != 0)
        return TT_OK; // mDNS has no wire here
    REQUIRE(tt_message_parse(&m, datagram->data, datagram->length) == TT_OK);
    bool to_directory = tt_endpoint_equal(&datagram->peer, &place);
    elsewhere += !to_directory && datagram->peer.ip[0] != 0xfd;
    if (!to_directory)
        play_device(&m, &datagram->peer);
    else if (!played.silent)
        play_directory(&m);
    return TT_OK;
}

static const tt_platform_operations operations = {.now = host_now,
                                                  .random = host_random,
                                                  .open = host_open,
                                                  .port = host_port,
                                                  .send = send_datagram,
                                                  .receive = host_receive,
                                                  .addresses = own_addresses};

static void pass(tt_time duration)
{
    tt_time until = host.now + duration;
    while (host.now < until) {
        tt_node_poll(&node);
        tt_time next = tt_node_deadline(&node);
        next = host.count > 0 ? host.now : next > host.now ? next : host.now + TT_MS(1);
        host.now = next < until ? next : until;
    }
}

static void on_peer(tt_discovery *discovery, tt_time now, tt_peer_event event, const tt_peer *peer,
                    void *context)
{
    (void)discovery, (void)now, (void)peer, (void)context;
    found += event == TT_PEER_FOUND;
}

static void show(tt_resource *resource, tt_time now, const tt_request *request,
                 tt_response *response)
{
    (void)resource, (void)now;
    tt_respond_bytes(request, response, TT_FORMAT_TEXT, "x", 1, 1);
}

static tt_resource resource = {.path = "lamp", .type = "light", .handler = show, .methods = 2};

static void start(const char *services)
{
    memset(&played, 0, sizeof(played));
    memset(names, 0, sizeof(names));
    memset(asked, 0, sizeof(asked));
    asks = pings = found = elsewhere = 0;
    played.services = services;
    strcpy(played.links, "</reg/7/>;ep=\"lamp\";et=\"light\";base=\"coap://[fdd0::1]\"");
    host_start(&operations);
    tt_node_options options = {
        .name = "lamp", .kind = "light", .port = 5683, .browse = true, .on_peer = on_peer};
    REQUIRE(tt_node_init(&node, &host.platform, &options) == TT_OK);
    REQUIRE(tt_bus_add(&node.bus, &resource) == TT_OK);
    REQUIRE(tt_directory_start(&directory, &node, &place) == TT_OK);
}

static const char both[] =
    "</tell>;rt=\"other core.rd\",</look>;rt=core.rd-lookup-ep,</other>;rt=core.rd-lookup-res";

static void test_telling(void)
{
    start(both);
    pass(TT_SECONDS(1));
    EXPECT(tt_directory_is_registered(&directory));
    EXPECT_TEXT(played.query, "ep=lamp&lt=300&et=light");
    EXPECT_EQUAL(played.format, TT_FORMAT_LINKS);
    EXPECT_EQUAL(played.body_length, strlen("</lamp>;rt=\"light\""));
    EXPECT(memcmp(played.body, "</lamp>;rt=\"light\"", played.body_length) == 0);
    pass(TT_SECONDS(3600));
    EXPECT_EQUAL(played.registrations, 1);
    EXPECT_EQUAL(played.finds, 1);
    EXPECT(played.renewals >= 3600 / 225 && played.renewals <= 3600 / 150);
    EXPECT(played.longest < TT_SECONDS(TT_DIRECTORY_LIFETIME) * 4 / 5);
    EXPECT(played.looks >= 115 && played.looks <= 130);
    tt_resource another = {.path = "more", .handler = show, .methods = 2};
    REQUIRE(tt_bus_add(&node.bus, &another) == TT_OK);
    pass(TT_DIRECTORY_LOOK);
    EXPECT_EQUAL(played.registrations, 2); // of the new links
    tt_bus_remove(&node.bus, &another);
    pass(TT_DIRECTORY_LOOK);
    tt_directory_leave(&directory, host.now);
    tt_directory_leave(&directory, host.now);
    pass(TT_SECONDS(600));
    EXPECT_EQUAL(played.removals, 1);
    EXPECT_EQUAL(played.registrations, 3);
    EXPECT(!tt_directory_is_registered(&directory));
}

static void test_forgetting(void)
{
    start(both);
    pass(TT_SECONDS(1));
    played.forgetful = true;
    pass(TT_SECONDS(300));
    EXPECT_EQUAL(played.registrations, 2); // at the first renewal
    played.forgetful = false;
    played.links[0] = '\0'; // and by a look that does not list us
    pass(TT_DIRECTORY_LOOK + TT_SECONDS(1));
    EXPECT(played.registrations == 3 || played.registrations == 4); // once a look
}

static void test_silence(void)
{
    start(both);
    pass(TT_SECONDS(40));
    played.silent = true;
    pass(TT_SECONDS(1000));
    unsigned before = played.registrations + played.renewals;
    played.silent = false;
    pass(TT_SECONDS(120));
    EXPECT_EQUAL(played.registrations + played.renewals, before + 1); // asked whether it knows us
    EXPECT_EQUAL(played.registrations, 1);
    EXPECT(played.finds <= 3);
}

// One who lets nobody register may be looked at all the same; and is not asked without end.
static void test_refusals(void)
{
    start(both);
    played.refuses = TT_FORBIDDEN;
    pass(TT_SECONDS(600));
    EXPECT(!tt_directory_is_registered(&directory));
    EXPECT(played.looks >= 20);
    EXPECT(played.registrations >= 8 && played.registrations <= 18);
    start(both);
    played.no_location = true;
    pass(TT_SECONDS(600));
    EXPECT(!tt_directory_is_registered(&directory));
    EXPECT(played.registrations >= 8 && played.registrations <= 18);
}

static void test_services(void)
{
    static const char *const none[] = {
        "",
        "</tell>;rt=core.rdx,</look>;rt=xcore.rd-lookup-ep",
        "<coap://[fd00::9]/tell>;rt=core.rd,<tell>;rt=core.rd",
        "</tell;rt=core.rd",
        "</tell>;rt=\"core.rd",
        ",,,,;<>",
    };
    for (size_t i = 0; i < TT_COUNT(none); i++) {
        start(none[i]);
        pass(TT_SECONDS(600));
        EXPECT(played.finds >= 8 && played.finds <= 18);
        EXPECT_EQUAL(played.registrations + played.looks, 0);
    }
    start("</look>;rt=core.rd-lookup-ep");
    pass(TT_SECONDS(60));
    EXPECT(played.looks > 3);
    EXPECT_EQUAL(played.registrations, 0);
}

static void test_finding(void)
{
    start(both);
    strcpy(names[20], "Oven");
    strcpy(names[21], "somebody else");
    strcpy(played.links, "</reg/7/>;ep=lamp;et=light;base=\"coap://[fdd0::1]\","
                         "</1>;ep=\"oven\";base=\"coap://[fdd0::14]:7000/\";et=\"oven\","
                         "</2>;ep=mixer;base=\"coap://[fdd0::15]\";et=mixer," // another now
                         "</3>;ep=dead;base=\"coap://[fdd0::16]\";et=x,"
                         "</4>;ep=\"no, kind\";base=\"coap://[fdd0::17]\"");
    pass(TT_SECONDS(5));
    const tt_peer *oven = tt_node_find(&node, "oven", "oven");
    REQUIRE(oven != NULL);
    EXPECT_EQUAL(oven->endpoint.port, 7000);
    EXPECT_EQUAL(oven->boot, 5);
    EXPECT(asked[21] && asked[22] && !asked[23]);
    EXPECT_EQUAL(found, 1);
    asks = 0;
    pass(TT_SECONDS(60));
    EXPECT(asks <= 12); // the oven's and the mixer's life again; nobody asks the dead without end
    pass(TT_SECONDS(3600));
    EXPECT_EQUAL(found, 1);
    EXPECT_EQUAL(played.registrations, 1);
    strcpy(names[22], "dead"); // until it lives
    pass(TT_SECONDS(150));
    EXPECT_EQUAL(found, 2);
}

static void test_forged(void)
{
    static const char *const links[] = {
        "</1>;ep=a;et=k;base=\"coap://8.8.8.8\"", // of no network of ours
        "</1>;ep=a;et=k;base=\"coap://[2001:db8::1]\"",
        "</1>;ep=a;et=k;base=\"coap://[ff02::1]\"", // everybody
        "</1>;ep=a;et=k;base=\"coap://127.0.0.1\"", // its reader
        "</1>;ep=a;et=k;base=\"coap://[fdd0::14]:0\"",
        "</1>;ep=a;et=k;base=\"coap://[fdd0::14]:70000\"",
        "</1>;ep=a;et=k;base=\"coap://[fdd0::14\"",
        "</1>;ep=a;et=k;base=\"coap://fdd0::14]\"",
        "</1>;ep=a;et=k;base=\"coap://%]\"",
        "</1>;ep=a;et=k;base=\"coap://\"",
        "</1>;ep=a;et=k;base=\"http://[fdd0::14]\"",
        "</1>;ep=a;et=k;base=\"coap://oven.local\"",
        "</1>;ep=a/b;et=k;base=\"coap://[fdd0::14]\"",
        "</1>;ep=;et=k;base=\"coap://[fdd0::14]\"",
        "</1>;ep;et=k;base=\"coap://[fdd0::14]\"",
        "</1>;ep=\"0123456789012345678901234567890123456789\";et=k;base=\"coap://[fdd0::14]\"",
        "</1>;ep=a;et=\"0123456789012345678901234567890123456789\";base=\"coap://[fdd0::14]\"",
        "</1>;ep=\"a\xff\";et=k;base=\"coap://[fdd0::14]\"",
        "</1>;ep=LAMP;et=k;base=\"coap://[fdd0::14]\"", // in our own name
        "</1>;ep=\"a;et=k;base=coap://[fdd0::14]",
        "</1;ep=a;et=k;base=\"coap://[fdd0::14]\"",
        "ep=a;et=k;base=\"coap://[fdd0::14]\"",
        ",,,,<,>;;;===\"\"\"\\",
    };
    for (size_t i = 0; i < TT_COUNT(links); i++) {
        start(both);
        strcpy(played.links, links[i]);
        pass(TT_SECONDS(60));
        if (asks + pings + elsewhere + found > 0)
            printf("%s\n", links[i]);
        EXPECT_EQUAL(asks + pings + elsewhere + found, 0);
        EXPECT(played.looks > 3);
    }
}

// A thousand devices at places where nobody is: those that have a place are asked, few at a time.
static void test_thousand(void)
{
    start(both);
    for (unsigned i = 0; i < 1000; i++)
        sprintf(played.links + strlen(played.links),
                ",</r>;ep=d%u;et=k;base=\"coap://[fdd0::%x]:%u\"", i, 2 + i % 200, 7000 + i);
    strcpy(names[2 + 999 % 200], "d999");
    pass(TT_SECONDS(60));
    unsigned some = asks;
    bool more;
    EXPECT(some <= 6 * 4 * TT_NODE_PEERS_MAX); // each with its repetitions
    EXPECT(tt_discovery_count_others(&node.discovery, host.now, &more) > 0);
    EXPECT_EQUAL(elsewhere, 0);
    pass(TT_SECONDS(3600));
    EXPECT(asks - some <= 6 * 3600); // those that wait get their turn, and cost little
    EXPECT(pings <= 3700);
    EXPECT_EQUAL(played.registrations, 1);
}

static void test_endless(void)
{
    start(both);
    played.endless = true;
    for (unsigned i = 0; i < 1024; i++)
        strcat(played.links, ",</a>;b=c");
    strcpy(names[20], "oven");
    pass(TT_SECONDS(61));
    EXPECT(played.looks >= 5 && played.looks <= 8);
    EXPECT(played.blocks <= played.looks * (TT_DIRECTORY_ANSWER_MAX / 1024 + 2));
    EXPECT_EQUAL(played.registrations, 1); // what is cut tells nothing of who is not in it
    EXPECT(tt_directory_is_registered(&directory));
    start(both); // without us in it, as far as it was read
    played.endless = true;
    strcpy(played.links, "</a>;b=c");
    for (unsigned i = 0; i < 1024; i++)
        strcat(played.links, ",</a>;b=c");
    pass(TT_SECONDS(61));
    EXPECT(played.looks >= 5 && played.registrations == 1);
    start(both); // a link without an end
    memset(played.links, 'x', 40000);
    memcpy(played.links, "</a>;x=\"", 8);
    played.links[40000] = '\0';
    pass(TT_SECONDS(60));
    EXPECT(played.looks > 3);
    EXPECT_EQUAL(asks, 0);
}

// As many whole links as there is room for.
static void test_many_links(void)
{
    static tt_resource many[100];
    static char paths[100][40];
    start(both);
    for (unsigned i = 0; i < 100; i++) {
        sprintf(paths[i], "a/thing/with/a/long/path/%02u", i);
        many[i] = (tt_resource){.path = paths[i], .handler = show, .methods = 2};
        REQUIRE(tt_bus_add(&node.bus, &many[i]) == TT_OK);
    }
    pass(TT_SECONDS(2));
    EXPECT(tt_directory_is_registered(&directory));
    EXPECT(played.body_length > TT_DIRECTORY_LINKS_MAX - 64);
    EXPECT(played.body_length <= TT_DIRECTORY_LINKS_MAX);
    EXPECT_EQUAL(played.body[played.body_length - 1], '>');
}

// Wherever the room ends: no link goes without its attributes.
static void test_whole_links(void)
{
    static tt_resource many[100];
    static char paths[100][48];
    for (unsigned more = 0; more < 40; more++) {
        start(both);
        for (unsigned i = 0; i < 100; i++) {
            sprintf(paths[i], "a/path/%02u/%.*s", i, i == 0 ? (int)more : 0,
                    "0123456789012345678901234567890123456789");
            many[i] = (tt_resource){.path = paths[i], .type = "t", .handler = show, .methods = 2};
            REQUIRE(tt_bus_add(&node.bus, &many[i]) == TT_OK);
        }
        pass(TT_SECONDS(1));
        EXPECT(played.body_length > TT_DIRECTORY_LINKS_MAX - 32);
        EXPECT(memcmp(played.body + played.body_length - 7, ";rt=\"t\"", 7) == 0);
    }
}

// Not even one has room: none is told.
static void test_one_long_link(void)
{
    static char type[TT_DIRECTORY_LINKS_MAX + 100];
    static tt_resource longer = {.path = "aaa", .type = type, .handler = show, .methods = 2};
    memset(type, 't', sizeof(type) - 1);
    start(both);
    tt_bus_remove(&node.bus, &resource);
    REQUIRE(tt_bus_add(&node.bus, &longer) == TT_OK);
    pass(TT_SECONDS(1));
    EXPECT(played.registrations == 1 && played.body_length == 0);
    tt_bus_remove(&node.bus, &longer);
}

static void test_odd_names(void)
{
    tt_node_options options = {.name = "salt & pepper", .kind = "mill", .port = 5683};
    host_start(&operations);
    REQUIRE(tt_node_init(&node, &host.platform, &options) == TT_OK);
    EXPECT_EQUAL(tt_directory_start(&directory, &node, &place), TT_INVALID);
}

int main(void)
{
    test_telling();
    test_forgetting();
    test_silence();
    test_refusals();
    test_services();
    test_finding();
    test_forged();
    test_thousand();
    test_endless();
    test_many_links();
    test_whole_links();
    test_one_long_link();
    test_odd_names();
    return test_result();
}
