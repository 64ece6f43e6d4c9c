// What the network learned, what the watch answered, and what it mixes up.

#include <math.h>

#include "examples/demo/chart.h"
#include "examples/demo/picture.h"
#include "examples/demo/report.h"

#define POINTS_MAX 4096
#define ANSWERS_SHOWN 32 // of the first images, in order
#define ERRORS_SHOWN 16  // of the watch's errors, the first ones
#define LABEL_BYTES 160

// ---- training

void report_write_training(const report *page)
{
    static double x[POINTS_MAX], loss[POINTS_MAX], accuracy[POINTS_MAX];
    static double epoch[POINTS_MAX], test[POINTS_MAX];
    size_t points = 0, epochs = 0;
    double loss_max = 0.5, x_max = 1, least = 1;
    for (const tt_json *at = tt_json_get(page->history, "points")->item;
         at != NULL && points < POINTS_MAX; at = at->next) {
        const tt_json *item = at->item;
        if (item == NULL || item->next == NULL || item->next->next == NULL)
            continue;
        x[points] = item->number;
        loss[points] = item->next->number;
        accuracy[points] = 100 * item->next->next->number;
        loss_max = fmax(loss_max, loss[points]);
        least = fmin(least, accuracy[points] / 100);
        x_max = fmax(x_max, x[points++]);
    }
    for (const tt_json *at = tt_json_get(page->history, "epochs")->item;
         at != NULL && epochs < POINTS_MAX; at = at->next, epochs++) {
        epoch[epochs] = tt_json_get_number(at, "epoch");
        double measured = tt_json_get_number(at, "test_accuracy");
        test[epochs] = measured >= 0 ? 100 * measured : NAN;
    }
    double step = loss_max > 1 ? 0.4 : 0.2;
    double y_min = fmax(0, floor(least * 10) * 10);
    char learned[32], tested[32], loss_label[LABEL_BYTES], accuracy_label[LABEL_BYTES];
    snprintf(loss_label, sizeof(loss_label), "Loss in training, from %.2f at the start to %.2f",
             points > 0 ? loss[0] : NAN, points > 0 ? loss[points - 1] : NAN);
    snprintf(accuracy_label, sizeof(accuracy_label),
             "Accuracy: at the end %.2f %% of the training images and %.2f %% of the test images",
             points > 0 ? accuracy[points - 1] : NAN, epochs > 0 ? test[epochs - 1] : NAN);
    demo_chart losses = {
        .title = "Loss",
        .label = loss_label,
        .x_label = "epoch",
        .x_max = ceil(x_max),
        .y_max = ceil(loss_max / step) * step,
        .y_step = step,
        .y_decimals = 1,
        .y_unit = "",
        .series = {{"training", "s1", x, loss, points, false}},
        .series_count = 1,
    };
    demo_chart accuracies = {
        .title = "Accuracy",
        .label = accuracy_label,
        .x_label = "epoch",
        .x_max = ceil(x_max),
        .y_min = y_min,
        .y_max = 100,
        .y_step = y_min < 60 ? 10 : 5,
        .y_unit = " %",
        .series = {{"training", "s1", x, accuracy, points, false},
                   {"test images", "s2", epoch, test, epochs, true}},
        .series_count = 2,
    };
    fprintf(page->out,
            "<section><h2>What the server learned</h2><p>%s pictures of Fashion-MNIST, %zu pass%s, "
            "with Tutti&rsquo;s own graph, derivatives and optimiser. Accuracy in training is of "
            "the pictures just seen, that of the test of %s others. The last epoch counts, never "
            "the best one.</p><div class='two'>\n",
            report_grouped(tt_json_get_number(page->history, "images"), learned), epochs,
            epochs == 1 ? "" : "es",
            report_grouped(tt_json_get_number(page->plan, "images"), tested));
    demo_chart_write(page->out, &losses);
    demo_chart_write(page->out, &accuracies);
    fputs("</div></section>\n", page->out);
}

// ---- answers

static void write_answer(const report *page, size_t index, unsigned answer)
{
    const tt_dataset *test = &page->test;
    unsigned label = test->labels[index];
    fprintf(page->out, "<div class='answer%s'><img alt='test image %zu, %s' src='",
            answer == label ? "" : " wrong", index, tt_fashion_mnist_classes[label]);
    demo_picture_write(page->out, test->images + index * test->rows * test->columns, test->rows,
                       test->columns);
    fprintf(page->out, "'><p><b>%s</b><em>%s%s</em></p></div>\n",
            answer < REPORT_CLASSES ? tt_fashion_mnist_classes[answer] : "?",
            answer == label ? "&check; right" : "&cross; not ",
            answer == label ? "" : tt_fashion_mnist_classes[label]);
}

void report_write_answers(const report *page)
{
    FILE *out = page->out;
    char asked[32];
    size_t confusion[REPORT_CLASSES * REPORT_CLASSES] = {0}, index = 0, errors = 0;
    const tt_json *answers = tt_json_get(page->results, "answers");
    fputs("<section><h2>What the watch answered</h2><p>The first images it was shown, in order, "
          "and below them the first ones it got wrong.</p><div class='gallery'>\n",
          out);
    for (const tt_json *at = answers->item; at != NULL && index < page->test.count;
         at = at->next, index++) {
        unsigned answer = report_answer(at);
        if (answer < REPORT_CLASSES)
            confusion[page->test.labels[index] * REPORT_CLASSES + answer]++;
        if (index < ANSWERS_SHOWN)
            write_answer(page, index, answer);
    }
    fputs("</div><h3>Where it erred</h3><div class='gallery'>\n", out);
    index = 0;
    for (const tt_json *at = answers->item;
         at != NULL && index < page->test.count && errors < ERRORS_SHOWN; at = at->next, index++)
        if (report_answer(at) != page->test.labels[index]) {
            write_answer(page, index, report_answer(at));
            errors++;
        }
    fprintf(
        out,
        "</div></section>\n<section><h2>What it mixes up</h2><p>Of the %s images that the watch "
        "was asked about: rows are what the picture shows, columns what the watch said. Right "
        "answers lie on the diagonal, errors off it.</p><figure class='card'>",
        report_grouped((double)tt_json_count(answers), asked));
    demo_confusion_write(
        out, tt_fashion_mnist_classes, confusion, REPORT_CLASSES,
        "Confusion matrix: rows are what the pictures show, columns what the watch "
        "said; most counts lie on the diagonal");
    fputs("</figure></section>\n", out);
}
