// Data sets from files: read whole, or refused with a sentence, however they are damaged.

#include <unistd.h>
#include <zlib.h>

#include "tests/ai/train/made_up.h"

// A gzipped data set cut at every byte, and with every byte changed: refused, or the same bytes
// (the header of a gzip file has some that do not matter).
static void test_gzip(const char *folder)
{
    char images[300], labels[300], damaged[300];
    snprintf(images, sizeof(images), "%s/images.gz", folder);
    snprintf(labels, sizeof(labels), "%s/labels", folder);
    snprintf(damaged, sizeof(damaged), "%s/damaged.gz", folder);
    uint8_t plain[16 + 300] = {0, 0, 8, 3, 0, 0, 0, 3, 0, 0, 0, 10, 0, 0, 0, 10};
    for (size_t i = 16; i < sizeof(plain); i++)
        plain[i] = (uint8_t)(i * i);
    gzFile out = gzopen(images, "wb");
    REQUIRE(out != NULL && gzwrite(out, plain, sizeof(plain)) == (int)sizeof(plain) &&
            gzclose(out) == Z_OK);
    write_file(labels, (const uint8_t[]){0, 0, 8, 1, 0, 0, 0, 3, 1, 0, 2}, 11);
    uint8_t bytes[600], changed[600];
    FILE *in = fopen(images, "rb");
    size_t length = fread(bytes, 1, sizeof(bytes), in);
    fclose(in);
    tt_dataset data;
    EXPECT_EQUAL(tt_dataset_load(&data, images, labels, NULL), TT_OK);
    tt_dataset_free(&data);
    for (size_t at = 0; at < 2 * length; at++) {
        memcpy(changed, bytes, length);
        changed[at % length] ^= 0x10;
        write_file(damaged, at < length ? bytes : changed, at < length ? at : length);
        if (tt_dataset_load(&data, damaged, labels, NULL) == TT_OK) {
            EXPECT(at >= length && memcmp(data.images, plain + 16, 300) == 0);
            tt_dataset_free(&data);
        }
    }
    unlink(images);
    unlink(labels);
    unlink(damaged);
}

static void test_damaged_data(const char *folder)
{
    char images[300], labels[300], buffer[512];
    snprintf(images, sizeof(images), "%s/images", folder);
    snprintf(labels, sizeof(labels), "%s/labels", folder);
    tt_dataset data;
    tt_text why;
    static const uint8_t good_images[] = {0, 0, 8, 3, 0, 0, 0, 2, 0, 0,
                                          0, 1, 0, 0, 0, 2, 9, 8, 7, 6};
    static const uint8_t good_labels[] = {0, 0, 8, 1, 0, 0, 0, 2, 1, 0};
    write_file(images, good_images, sizeof(good_images));
    write_file(labels, good_labels, sizeof(good_labels));
    tt_text_init(&why, buffer, sizeof(buffer));
    EXPECT_EQUAL(tt_dataset_load(&data, images, labels, &why), TT_OK);
    EXPECT(data.count == 2 && data.rows == 1 && data.columns == 2 && data.images[3] == 6);
    tt_dataset_free(&data);
    for (size_t length = 0; length < sizeof(good_images); length++) { // cut at every byte
        write_file(images, good_images, length);
        EXPECT_EQUAL(tt_dataset_load(&data, images, labels, &why), TT_DAMAGED);
    }
    write_file(images, good_images, sizeof(good_images) - 1);
    tt_text_init(&why, buffer, sizeof(buffer));
    tt_dataset_load(&data, images, labels, &why);
    EXPECT(strstr(buffer, "expected 4, found 3") != NULL);
    uint8_t changed[sizeof(good_images)];
    for (size_t at = 0; at < 4; at++) { // another magic number
        memcpy(changed, good_images, sizeof(changed));
        changed[at] ^= 1;
        write_file(images, changed, sizeof(changed));
        EXPECT_EQUAL(tt_dataset_load(&data, images, labels, &why), TT_MALFORMED);
    }
    memcpy(changed, good_images, sizeof(changed));
    changed[4] = 0xff; // four billion images
    write_file(images, changed, sizeof(changed));
    EXPECT_EQUAL(tt_dataset_load(&data, images, labels, &why), TT_TOO_LARGE);
    write_file(images, good_images, sizeof(good_images));
    write_file(labels, (const uint8_t[]){0, 0, 8, 1, 0, 0, 0, 1, 1}, 9);
    EXPECT_EQUAL(tt_dataset_load(&data, images, labels, &why), TT_DAMAGED);
    write_file(labels, (const uint8_t[]){0, 0, 8, 1, 0, 0, 0, 3, 1, 1, 1}, 11);
    tt_text_init(&why, buffer, sizeof(buffer));
    EXPECT_EQUAL(tt_dataset_load(&data, images, labels, &why), TT_DAMAGED);
    EXPECT(strstr(buffer, "has another number of labels than there are images: expected 2, found "
                          "3") != NULL);
    for (size_t at = 4; at < 16; at += 4) { // no images, or of no size
        memcpy(changed, good_images, sizeof(changed));
        memset(changed + at, 0, 4);
        write_file(images, changed, sizeof(changed));
        EXPECT_EQUAL(tt_dataset_load(&data, images, labels, &why), TT_TOO_LARGE);
        EXPECT(data.images == NULL);
    }
    write_file(images, good_images, sizeof(good_images));
    unlink(labels);
    EXPECT_EQUAL(tt_dataset_load(&data, images, labels, &why), TT_NOT_FOUND);
    tt_dataset other;
    tt_text_init(&why, buffer, sizeof(buffer));
    EXPECT_EQUAL(tt_fashion_mnist_load(&data, &other, folder, &why), TT_NOT_FOUND);
    EXPECT(strstr(buffer, "apt-get install --reinstall dataset-fashion-mnist") != NULL);
    // A folder of more than a path's length: both data sets are empty then, and may be freed.
    static char longest[5000];
    memset(longest, 'a', sizeof(longest) - 1);
    memset(&data, 0x55, sizeof(data));
    memset(&other, 0x55, sizeof(other));
    EXPECT_EQUAL(tt_fashion_mnist_load(&data, &other, longest, &why), TT_INVALID);
    EXPECT(data.images == NULL && data.labels == NULL && other.images == NULL);
    unlink(images);
    // Another data set under its name.
    snprintf(images, sizeof(images), "%s/train-images-idx3-ubyte.gz", folder);
    snprintf(labels, sizeof(labels), "%s/train-labels-idx1-ubyte.gz", folder);
    write_file(images, good_images, sizeof(good_images));
    write_file(labels, good_labels, sizeof(good_labels));
    tt_text_init(&why, buffer, sizeof(buffer));
    EXPECT_EQUAL(tt_fashion_mnist_load(&data, &other, folder, &why), TT_INVALID);
    EXPECT(strstr(buffer, "expected 60000 images of 28x28, found 2 images of 1x2") != NULL);
    unlink(images);
    unlink(labels);
}

// A file of that header, and zeros where nothing is told: a hole, which takes no room.
static void write_hole(const char *folder, const char *name, const uint8_t *header, size_t length,
                       size_t bytes)
{
    char path[300];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    write_file(path, header, length);
    REQUIRE(truncate(path, (off_t)(length + bytes)) == 0);
}

static void unlink_in(const char *folder, const char *name)
{
    char path[300];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    unlink(path);
}

// Of Fashion-MNIST's sizes, with a label that it has and one that it has not.
static void test_labels(const char *folder)
{
    for (uint8_t label = 9; label <= 10; label++) {
        uint8_t images[] = {0, 0, 8, 3, 0, 0, 0xea, 0x60, 0, 0, 0, 28, 0, 0, 0, 28};
        uint8_t labels[] = {0, 0, 8, 1, 0, 0, 0xea, 0x60, label};
        write_hole(folder, "train-images-idx3-ubyte.gz", images, 16, 60000 * 784);
        write_hole(folder, "train-labels-idx1-ubyte.gz", labels, 9, 59999);
        images[6] = labels[6] = 10000 >> 8;
        images[7] = labels[7] = 10000 & 255;
        write_hole(folder, "t10k-images-idx3-ubyte.gz", images, 16, 10000 * 784);
        write_hole(folder, "t10k-labels-idx1-ubyte.gz", labels, 9, 9999);
        char buffer[512];
        tt_text why;
        tt_dataset train, test;
        tt_text_init(&why, buffer, sizeof(buffer));
        EXPECT_EQUAL(tt_fashion_mnist_load(&train, &test, folder, &why),
                     label == 9 ? TT_OK : TT_MALFORMED);
        EXPECT(label == 9 ? train.count == 60000 && train.labels[0] == 9 && test.count == 10000
                          : strstr(buffer, "has a label above 9") != NULL);
        tt_dataset_free(&train);
        tt_dataset_free(&test);
    }
    unlink_in(folder, "train-images-idx3-ubyte.gz");
    unlink_in(folder, "train-labels-idx1-ubyte.gz");
    unlink_in(folder, "t10k-images-idx3-ubyte.gz");
    unlink_in(folder, "t10k-labels-idx1-ubyte.gz");
}

int main(void)
{
    char folder[] = "/tmp/tutti-dataset-XXXXXX";
    REQUIRE(mkdtemp(folder) != NULL);
    test_damaged_data(folder);
    test_gzip(folder);
    test_labels(folder);
    rmdir(folder);
    return test_result();
}
