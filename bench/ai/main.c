// Our graphs beside other libraries, in turns and in one run:
//
//     bench_ai [--peer PYTHON SCRIPT] [--cifar FOLDER] [--seconds S] [--only NAME,NAME...]
//
// NAMEs are beginnings: ai.train.lenet5, ai.fused. A slice of a training takes S seconds (1), of
// anything else a fifth of that. Without a peer each of ours is tried once and nothing is printed:
// what is measured must first be seen to compute what the peer does.

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/ai/cases.h"

static bench_run run; // here, for what is done at the program's end

static void run_all(const char *python, const char *script)
{
    for (run.threads = 1; run.threads <= 2; run.threads++) {
        if (python != NULL)
            run.peer = bench_peer_start(python, script, run.threads);
        bench_training(&run);
        bench_inference(&run);
        if (run.threads == 1) {
            bench_products(&run);
            bench_fused(&run);
            bench_compiling(&run);
        }
        bench_peer_end(run.peer);
    }
}

static void remove_files(void)
{
    bench_remove(run.folder);
}

int main(int count, char **words)
{
    static char folder[] = "/tmp/bench_ai.XXXXXX";
    const char *python = NULL, *script = NULL;
    run.seconds = 1;
    if (count == 5 && strcmp(words[1], "--memory") == 0)
        return bench_memory_process(words[2], words[3], strtoul(words[4], NULL, 10));
    bool cached = count == 5 && strcmp(words[1], "--cached") == 0;
    if (cached || (count == 5 && strcmp(words[1], "--compile") == 0))
        return bench_compile_process(words[2], words[3], (unsigned)strtoul(words[4], NULL, 10),
                                     cached);
    for (int i = 1; i < count; i++) {
        if (i + 2 < count && strcmp(words[i], "--peer") == 0) {
            python = words[++i];
            script = words[++i];
        } else if (i + 1 < count && strcmp(words[i], "--cifar") == 0) {
            run.cifar = words[++i];
        } else if (i + 1 < count && strcmp(words[i], "--seconds") == 0) {
            run.seconds = atof(words[++i]);
        } else if (i + 1 < count && strcmp(words[i], "--only") == 0) {
            run.only = words[++i];
        } else {
            fprintf(stderr, "usage: bench_ai [--peer PYTHON SCRIPT] [--cifar FOLDER] "
                            "[--seconds S] [--only NAME,NAME...]\n");
            return 2;
        }
    }
    if (mkdtemp(folder) == NULL)
        bench_fail("no folder can be made in /tmp", "");
    run.folder = folder;
    setenv("XDG_CACHE_HOME", folder, 1); // what is compiled here is nobody else's
    atexit(remove_files);
    signal(SIGPIPE, SIG_IGN); // a peer that ends is told of by bench_peer_ask
    run_all(python, script);
    return 0;
}
