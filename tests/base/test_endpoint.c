// Endpoints: each form is read and written as RFC 5952 wants it, everything else is refused.

#include "tests/test.h"
#include "tutti/check.h"
#include "tutti/endpoint.h"

static void test_endpoints(void)
{
    static const char *const cases[][2] = {
        {"192.0.2.1:7", "192.0.2.1:7"},
        {"192.0.2.1", "192.0.2.1:5683"},
        {"[fe80::1%2]:99", "[fe80::1%2]:99"},
        {"fe80::5054:ff:fe00:5%1", "[fe80::5054:ff:fe00:5%1]:5683"},
        {"::1", "[::1]:5683"},
        {"::", "[::]:5683"},
        {"[2001:db8:0:0:1:0:0:1]", "[2001:db8::1:0:0:1]:5683"},
        {"1:2:3:4:5:6:7:8", "[1:2:3:4:5:6:7:8]:5683"},
        {"1::", "[1::]:5683"},
        {"::ffff:192.0.2.9", "192.0.2.9:5683"},
        {"1:0:2:3:4:5:6:7", "[1:0:2:3:4:5:6:7]:5683"},
        {"0:0:1:2:3:4:5:6", "[::1:2:3:4:5:6]:5683"},
        {"1:2:3:4:5:6:0:0", "[1:2:3:4:5:6::]:5683"},
        {"1:0:0:2:0:0:0:3", "[1:0:0:2::3]:5683"},
        {"1:0:0:0:2:0:0:3", "[1::2:0:0:3]:5683"},
        {"0:1:0:1:0:1:0:1", "[0:1:0:1:0:1:0:1]:5683"},
        {"100:1:100:0:0:100:1:100", "[100:1:100::100:1:100]:5683"},
        {"FFFF:abcd:EF09:9f:a:A:f:F", "[ffff:abcd:ef09:9f:a:a:f:f]:5683"},
        {"0001:0020:0300:4000::", "[1:20:300:4000::]:5683"},
        {"1:2:3:4:5:6:7::", "[1:2:3:4:5:6:7:0]:5683"},
        {"::2:3:4:5:6:7:8", "[0:2:3:4:5:6:7:8]:5683"},
        {"1::3:4:5:6:7:8", "[1:0:3:4:5:6:7:8]:5683"},
        {"::1.2.3.4", "[::102:304]:5683"},
        {"1:2:3:4:5:6:192.0.2.255", "[1:2:3:4:5:6:c000:2ff]:5683"},
        {"64:ff9b::192.0.2.33", "[64:ff9b::c000:221]:5683"},
        {"[::ffff:192.0.2.9]:80", "192.0.2.9:80"},
        {"[fe80::1%255]", "[fe80::1%255]:5683"},
        {"fe80::1%0", "[fe80::1]:5683"},
        {"[::1]:0", "[::1]:0"},
        {"0.0.0.0", "0.0.0.0:5683"},
        {"255.255.255.255:65535", "255.255.255.255:65535"},
    };
    for (size_t i = 0; i < TT_COUNT(cases); i++) {
        tt_endpoint endpoint;
        char buffer[TT_ENDPOINT_TEXT_MAX];
        tt_text text;
        tt_text_init(&text, buffer, sizeof(buffer));
        EXPECT_EQUAL(tt_endpoint_parse(&endpoint, cases[i][0], 5683), TT_OK);
        tt_endpoint_format(&endpoint, &text);
        EXPECT_TEXT(buffer, cases[i][1]);
    }
    static const char *const bad[] = {
        "",
        "1.2.3",
        "1.2.3.4.5",
        "256.1.1.1",
        "1.2.3.4:",
        "1.2.3.4:65536",
        ":1",
        "1::2::3",
        "12345::",
        "fe80::1%",
        "[::1",
        "::1]",
        "1:2:3:4:5:6:7",
        "1:2:3:4:5:6:7:8:9",
        "g::",
        "::1 ",
        "1.2.3.4 ",
        "1.2.3.4:5x",
        "1.2.3.4]",
        "[1.2.3.4]",
        "1.2.3.",
        "1.2.3.x",
        "1,2.3.4",
        "1.2.3/4",
        "1.2.3.:",
        "1.2.3.:5",
        "1.2.3.300",
        "1.2.3.4:99999999999",
        "1.2.3.4:/",
        "1.2.3.4::",
        ":::",
        ":::1",
        "1:::2",
        "::1::",
        "1:",
        "1:2:3:4:5:6:7:",
        ":1:2:3:4:5:6:7:8",
        ":2::",
        "1::2:3:4:5:6:7:8",
        "1:2:3:4::5:6:7:8",
        "1:2:3:4:5:6:7::8",
        "1:2:3:4:5:6:7:1.2.3.4",
        "1:2:3:4:5:1.2.3.4",
        "1:2:3:4:5:6:7:8:1.2.3.4",
        "::1:",
        "1::2:",
        "::1:%1",
        "[::1:]",
        "[::1:x]",
        "::1.2.3",
        "::1.2.3.4.5",
        "::1.2.3.4:5",
        "::300.2.3.4",
        "::a.2.3.4",
        "00001::",
        "::/",
        "::`",
        "::@",
        "::G",
        "fe80::1%256",
        "fe80::1%1x",
        "fe80::1%%1",
        "[fe80::1%]",
        "[::1]x",
        "[::1]5",
        "[::1]:",
        "[::1]]",
        "[::1:",
        "[[::1]]",
        "[",
        "[]",
    };
    for (size_t i = 0; i < TT_COUNT(bad); i++) {
        tt_endpoint endpoint;
        if (tt_endpoint_parse(&endpoint, bad[i], 1) != TT_MALFORMED)
            printf("accepted: \"%s\"\n", bad[i]);
        EXPECT_EQUAL(tt_endpoint_parse(&endpoint, bad[i], 1), TT_MALFORMED);
    }
}

static tt_endpoint endpoint_of(const char *text)
{
    tt_endpoint endpoint = {.port = 1};
    EXPECT_EQUAL(tt_endpoint_parse(&endpoint, text, 5683), TT_OK);
    return endpoint;
}

static void test_endpoint_kinds(void)
{
    static const struct {
        const char *text;
        bool ipv4, multicast, link_local;
    } kinds[] = {{"0.0.0.0", true, false, false},
                 {"223.255.255.255", true, false, false},
                 {"224.0.0.0", true, true, false},
                 {"239.255.255.255", true, true, false},
                 {"240.0.0.0", true, false, false},
                 {"169.254.0.1", true, false, true},
                 {"169.253.0.1", true, false, false},
                 {"169.255.0.1", true, false, false},
                 {"168.254.0.1", true, false, false},
                 {"170.254.0.1", true, false, false},
                 {"::", false, false, false},
                 {"::fffe:1.2.3.4", false, false, false},
                 {"::1:ffff:1.2.3.4", false, false, false},
                 {"100::ffff:1.2.3.4", false, false, false},
                 {"ff00::", false, true, false},
                 {"ff02::fb", false, true, false},
                 {"feff::", false, false, false},
                 {"fe7f::", false, false, false},
                 {"fe80::", false, false, true},
                 {"febf::", false, false, true},
                 {"fec0::", false, false, false},
                 {"fd80::", false, false, false},
                 {"ff80::", false, true, false},
                 {"e0e0::e0e0", false, false, false},
                 {"::a9fe:1", false, false, false}};
    for (size_t i = 0; i < TT_COUNT(kinds); i++) {
        tt_endpoint endpoint = endpoint_of(kinds[i].text);
        EXPECT_EQUAL(tt_endpoint_is_ipv4(&endpoint), kinds[i].ipv4);
        EXPECT_EQUAL(tt_endpoint_is_multicast(&endpoint), kinds[i].multicast);
        EXPECT_EQUAL(tt_endpoint_is_link_local(&endpoint), kinds[i].link_local);
    }
    static const char *const others[] = {"[fe80::1%1]:98", "[fe80::1%2]:99", "[fe80::2%1]:99",
                                         "[ee80::1%1]:99"};
    tt_endpoint one = endpoint_of("[fe80::1%1]:99"), same = endpoint_of("[FE80:0::1%1]:99");
    EXPECT(tt_endpoint_equal(&one, &same));
    for (size_t i = 0; i < TT_COUNT(others); i++) {
        tt_endpoint other = endpoint_of(others[i]);
        EXPECT(!tt_endpoint_equal(&one, &other));
    }
    tt_endpoint kept = one; // a text that is none changes nothing
    EXPECT_EQUAL(tt_endpoint_parse(&kept, "[fe80::2%2]:x", 1), TT_MALFORMED);
    EXPECT(tt_endpoint_equal(&kept, &one));
    char buffer[TT_ENDPOINT_TEXT_MAX]; // the longest fits
    tt_text text;
    tt_endpoint longest = endpoint_of("[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff%255]:65535");
    tt_text_init(&text, buffer, sizeof(buffer));
    tt_endpoint_format(&longest, &text);
    EXPECT(!text.cut);
    tt_endpoint four = endpoint_of("169.254.1.2:7");
    four.interface = 3; // not told
    tt_text_init(&text, buffer, sizeof(buffer));
    tt_text_add(&text, "from ");
    tt_endpoint_format(&four, &text);
    EXPECT_TEXT(buffer, "from 169.254.1.2:7");
}

int main(void)
{
    test_endpoints();
    test_endpoint_kinds();
    return test_result();
}
