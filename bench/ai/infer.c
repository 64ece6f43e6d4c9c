// ai.infer.*: networks on one image at a time.

#include <stdio.h>

#include "bench/ai/cases.h"
#include "bench/ai/networks.h"

void bench_inference(const bench_run *run)
{
    static const bench_network *const networks[] = {&bench_lenet5, &bench_resnet8};
    for (size_t i = 0; i < 2; i++) {
        char name[64];
        snprintf(name, sizeof(name), "ai.infer.%s.b1", networks[i]->name);
        bench_case c = {.name = name,
                        .unit = "per_s",
                        .peer = "onnxruntime",
                        .detail = "",
                        .amount = 1,
                        .tolerance = 1e-4,
                        .seconds = run->seconds / 5};
        if (!bench_wanted(run, name))
            continue;
        bench_case_load(run, &c, bench_inference_graph(networks[i]));
        bench_case_measure(run, &c);
    }
}
