// The text of faults: what is taken, and the sentence for each way in which it can be wrong.

#include "sim/faults.h"
#include "tests/test.h"
#include "tutti/check.h"

#define NODES 20

static const char *sentence_of(const char *text, tt_status expected)
{
    static char sentence[256];
    tt_text why;
    tt_text_init(&why, sentence, sizeof(sentence));
    EXPECT_EQUAL(tt_sim_check_faults(text, NODES, &why), expected);
    EXPECT(!why.cut);
    return sentence;
}

static void test_refused(void)
{
    static const struct {
        const char *text, *sentence;
    } cases[] = {
        {"lose 5%",
         "line 1: expected a fault (delay, loss, burst, double, reorder, bottleneck, "
         "cut, block, rebind, move, skew, jump, sleep, busy, kill, start, restart, tear), "
         "not 'lose'"},
        {"\n# nothing\n\nloss 5", "line 4: expected a percentage to 100%, such as 0.5%, not '5'"},
        {"loss", "line 1: expected a percentage to 100%, such as 0.5%, not the end of the line"},
        {"loss 101%", "line 1: expected a percentage to 100%, such as 0.5%, not '101%'"},
        {"loss -1%", "line 1: expected a percentage to 100%, such as 0.5%, not '-1%'"},
        {"delay 5", "line 1: expected a time such as 20ms, 1.5s or 2min, not '5'"},
        {"delay 99999999999s",
         "line 1: expected a time such as 20ms, 1.5s or 2min, not '99999999999s'"},
        {"delay 16667min", "line 1: expected a time such as 20ms, 1.5s or 2min, not '16667min'"},
        {"delay 0.1234567s",
         "line 1: expected a time such as 20ms, 1.5s or 2min, not '0.1234567s'"},
        {"jump 0s 1", "line 1: expected a time above 0, such as 20ms, 1.5s or 2min, not '0s'"},
        {"bottleneck 0B/s", "line 1: expected a rate to 1000MB/s, such as 125kB/s, not '0B/s'"},
        {"bottleneck 5GB/s", "line 1: expected a rate to 1000MB/s, such as 125kB/s, not '5GB/s'"},
        {"skew fast 1", "line 1: expected a skew from -100000ppm to 100000ppm, not 'fast'"},
        {"skew 100001ppm 1",
         "line 1: expected a skew from -100000ppm to 100000ppm, not '100001ppm'"},
        {"skew -ppm 1", "line 1: expected a skew from -100000ppm to 100000ppm, not '-ppm'"},
        {"skew 1.5ppm 1", "line 1: expected a skew from -100000ppm to 100000ppm, not '1.5ppm'"},
        {"block", "line 1: expected 'multicast', not the end of the line"},
        {"kill", "line 1: expected nodes, such as 3, 0-9, 0-9,12 or all, not the end of the line"},
        {"kill x", "line 1: expected nodes, such as 3, 0-9, 0-9,12 or all, not 'x'"},
        {"kill 3-", "line 1: expected nodes, such as 3, 0-9, 0-9,12 or all, not '3-'"},
        {"kill 3,", "line 1: expected nodes, such as 3, 0-9, 0-9,12 or all, not '3,'"},
        {"kill 3x", "line 1: expected nodes, such as 3, 0-9, 0-9,12 or all, not '3x'"},
        {"loss 1% from 1\ncut between 1 or 2", "line 2: expected 'and', not 'or'"},
        {"cut between 1", "line 1: expected 'and', not the end of the line"},
        {"cut at at", "line 1: expected a time such as 20ms, 1.5s or 2min, not 'at'"},
        {"cut at 1s at 2s", "line 1: expected each word once, not 'at'"},
        {"cut within 1s", "line 1: expected a word that belongs to this fault (see "
                          "docs/simulator.md), not 'within'"},
        {"loss 5% jitter 1s", "line 1: expected a word that belongs to this fault (see "
                              "docs/simulator.md), not 'jitter'"},
        {"kill 1 for 1s", "line 1: expected a word that belongs to this fault (see "
                          "docs/simulator.md), not 'for'"},
        {"kill 1 from 2", "line 1: expected a word that belongs to this fault (see "
                          "docs/simulator.md), not 'from'"},
        {"cut between 1 and 2 from 3", "line 1: expected 'between', or 'from' and 'to', not both"},
        {"cut until 2s for 1s", "line 1: expected 'until' or 'for', not both"},
        {"cut at 2s until 2s", "line 1: expected 'until' later than 'at'"},
        {"reorder 5%", "line 1: expected 'by' and how late a datagram is that is reordered"},
        {"sleep 1", "line 1: expected 'for' and how long"},
        {"burst 1s", "line 1: expected 'every' and a time no shorter than the burst"},
        {"burst 1s every 0.9s", "line 1: expected 'every' and a time no shorter than the burst"},
        {"burst 1us every 999us",
         "line 1: expected a time of 1ms or more, such as 20ms, 1.5s or 2min, not '999us'"},
        {"cut every 1s", "line 1: expected 'for' and how long, of what comes 'every' so often"},
        {"busy 1 for 2s every 1s", "line 1: expected 'for' no longer than 'every'"},
    };
    for (size_t i = 0; i < TT_COUNT(cases); i++)
        EXPECT_TEXT(sentence_of(cases[i].text, TT_MALFORMED), cases[i].sentence);
    EXPECT_TEXT(sentence_of("kill 20", TT_INVALID), "line 1: there are nodes 0 to 19, not '20'");
    EXPECT_TEXT(sentence_of("kill 3-2", TT_INVALID), "line 1: there are nodes 0 to 19, not '3-2'");
    EXPECT_TEXT(sentence_of("kill 99999999999999999999", TT_INVALID),
                "line 1: there are nodes 0 to 19, not '99999999999999999999'");
    EXPECT_EQUAL(tt_sim_check_faults("nonsense", NODES, NULL), TT_MALFORMED);
}

static void test_taken(void)
{
    tt_sim_faults faults = {0};
    const char *text = " loss 0.25% # much\r\n"
                       "\n"
                       "\tdelay 20ms jitter 1.5ms from 0-2,5 to all at 1min until 61s#\n"
                       "bottleneck 1.5MB/s queue 50ms between 0 and 1,19\n"
                       "skew -200ppm 3 at 0s\n"
                       "sleep 0-19 at 0.000015s for 0.5s every 2s within 1s";
    EXPECT_EQUAL(tt_sim_faults_read(&faults, text, NODES, TT_SECONDS(7), NULL), TT_OK);
    REQUIRE(faults.count == 5);
    const tt_sim_rule *r = faults.rules;
    EXPECT(r[0].fault == TT_FAULT_LOSS && r[0].per_million == 2500);
    EXPECT(r[0].at == TT_SECONDS(7) && r[0].until == TT_FOREVER && !r[0].both_ways);
    for (unsigned i = 0; i < NODES; i++) {
        EXPECT(tt_sim_set_has(&r[0].from, i) && tt_sim_set_has(&r[0].to, i));
        EXPECT_EQUAL(tt_sim_set_has(&r[1].from, i), i <= 2 || i == 5);
        EXPECT(tt_sim_set_has(&r[1].to, i));
        EXPECT_EQUAL(tt_sim_set_has(&r[2].to, i), i == 1 || i == 19);
        EXPECT_EQUAL(tt_sim_set_has(&r[3].from, i), i == 3);
    }
    EXPECT(r[1].fault == TT_FAULT_DELAY && r[1].time == TT_MS(20) && r[1].more == TT_US(1500));
    EXPECT(r[1].at == TT_SECONDS(60) && r[1].until == TT_SECONDS(61));
    EXPECT(r[2].bytes_per_second == 1500000 && r[2].more == TT_MS(50) && r[2].both_ways);
    EXPECT(r[3].skew == -200 && r[3].at == 0);
    EXPECT(r[4].at == TT_US(15) && r[4].until == TT_US(15) + TT_MS(500));
    EXPECT(r[4].every == TT_SECONDS(2) && r[4].within == TT_SECONDS(1));
    // What is refused adds nothing.
    EXPECT_EQUAL(tt_sim_faults_read(&faults, "loss 1%\nloss", NODES, 0, NULL), TT_MALFORMED);
    EXPECT_EQUAL(faults.count, 5);
    tt_sim_faults_free(&faults);
    EXPECT_EQUAL(tt_sim_check_faults("", NODES, NULL), TT_OK);
    EXPECT_EQUAL(tt_sim_check_faults("# nothing", NODES, NULL), TT_OK);
}

static void test_limits(void)
{
    static char many[TT_SIM_FAULTS_MAX * 8 + 16];
    for (unsigned i = 0; i < TT_SIM_FAULTS_MAX; i++)
        strcat(many, "loss 1%\n");
    EXPECT_EQUAL(tt_sim_check_faults(many, NODES, NULL), TT_OK);
    strcat(many, "loss 1%");
    EXPECT_TEXT(sentence_of(many, TT_FULL), "line 257: there are more faults than a world takes");
    char word[200] = "loss "; // a longer word is cut, and still none
    memset(word + 5, '1', 150);
    EXPECT_EQUAL(tt_sim_check_faults(word, NODES, NULL), TT_MALFORMED);
    EXPECT(tt_sim_new(&(tt_sim_options){.nodes = 1, .faults = "nonsense"}) == NULL);
}

int main(void)
{
    test_refused();
    test_taken();
    test_limits();
    return test_result();
}
