// Which pieces of a stream go, on a path that loses nothing, and what waits for its answer.

#include "bus/internal.h"
#include "tests/bus/streams.h"

// No piece goes twice where none is lost, and the first goes with the request, or the answer.
static void each_piece_once(void)
{
    for (int is_get = 0; is_get < 2; is_get++) {
        transfer t;
        start(1);
        shown_length = 40 * TT_BUS_BLOCK_MAX;
        far.delay = TT_MS(5);
        begin(&t, 1, is_get ? TT_GET : TT_PUT, is_get ? "show" : "sink/1",
              is_get ? 0 : shown_length);
        far_pass(&t.done, TT_SECONDS(10));
        EXPECT(t.done);
        EXPECT(t.status == TT_OK && (is_get ? t.got == shown_length : whole[1] == 1));
        EXPECT_EQUAL(far.bus[!is_get].counters.pieces_sent, 39);
        EXPECT_EQUAL(far.bus[!is_get].counters.pieces_again, 0);
        expect_equal(1, shown_length);
        expect_rest();
    }
}

static tt_answer_token owed;

static void owe(tt_resource *resource, tt_time now, const tt_request *request,
                tt_response *response)
{
    (void)resource, (void)now;
    response->code = TT_CONTINUE;
    response->later = request->last;
    owed = request->token;
}

// The answer may come long after the body did: it is not the stream that is silent then.
static void answered_late(void)
{
    static tt_resource slow = {
        .path = "slow", .handler = owe, .methods = 1 << TT_PUT, .any_order = true};
    tt_response response = {.code = TT_CHANGED, .content_format = TT_FORMAT_NONE};
    transfer t;
    start(1);
    REQUIRE(tt_bus_add(&far.bus[0], &slow) == TT_OK);
    far.delay = TT_MS(5);
    begin(&t, 1, TT_PUT, "slow", 20000);
    far_pass(&t.done, TT_SECONDS(50));
    EXPECT(!t.done && far.bus[1].counters.streams == 1);
    EXPECT_EQUAL(tt_bus_answer(&far.bus[0], far.now, owed, &response), TT_OK);
    far_pass(&t.done, TT_SECONDS(1));
    EXPECT(t.done && t.status == TT_OK && t.code == TT_CHANGED);
    expect_rest();
}

int main(void)
{
    each_piece_once();
    answered_late();
    return test_result();
}
