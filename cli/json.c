// JSON written and read; see the header for what it is for.

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/json.h"

#define FILE_BYTES_MAX ((size_t)16 << 20)

// ---- writing

// The bytes of the character of UTF-8 at `text`, 0 where it is none.
static size_t character_length(const char *text, size_t length)
{
    unsigned char first = (unsigned char)text[0];
    size_t size = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    return size <= length && tt_text_is_utf8((const uint8_t *)text, size) ? size : 0;
}

// Control characters are escaped, those from U+007F to U+009F too, since a terminal obeys them.
// What is no UTF-8 becomes U+FFFD, so that the file is JSON whatever came.
static void write_text(FILE *file, const char *text, size_t length)
{
    fputc('"', file);
    for (size_t i = 0; i < length;) {
        size_t size = character_length(text + i, length - i);
        unsigned char byte = (unsigned char)text[i], last = (unsigned char)text[i + size / 2];
        if (size == 0)
            fputs("\xef\xbf\xbd", file);
        else if (byte == '"' || byte == '\\')
            fprintf(file, "\\%c", byte);
        else if (byte < 0x20 || byte == 0x7f)
            fprintf(file, "\\u%04x", byte);
        else if (byte == 0xc2 && last < 0xa0)
            fprintf(file, "\\u%04x", last);
        else
            fwrite(text + i, 1, size, file);
        i += size > 0 ? size : 1;
    }
    fputc('"', file);
}

static void begin_value(tt_json_writer *writer, const char *key)
{
    if (key != NULL)
        tt_json_key(writer, key, strlen(key));
    else if (writer->comma)
        fputc(',', writer->file);
    writer->comma = true;
}

void tt_json_key(tt_json_writer *writer, const void *key, size_t length)
{
    fputs(writer->comma ? ",\n" : "\n", writer->file);
    write_text(writer->file, key, length);
    fputs(": ", writer->file);
    writer->comma = false;
}

void tt_json_open(tt_json_writer *writer, const char *key, char bracket)
{
    begin_value(writer, key);
    fputc(bracket, writer->file);
    writer->comma = false;
}

void tt_json_close(tt_json_writer *writer, char bracket)
{
    fputc(bracket, writer->file);
    writer->comma = true;
}

void tt_json_number(tt_json_writer *writer, const char *key, double value)
{
    begin_value(writer, key);
    char text[32] = "null";
    for (int digits = 15; isfinite(value) && digits <= 17; digits++) { // 17 always do
        snprintf(text, sizeof(text), "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    fputs(text, writer->file);
}

void tt_json_text(tt_json_writer *writer, const char *key, const char *value)
{
    tt_json_bytes(writer, key, value, strlen(value));
}

void tt_json_bytes(tt_json_writer *writer, const char *key, const void *text, size_t length)
{
    begin_value(writer, key);
    write_text(writer->file, text, length);
}

void tt_json_word(tt_json_writer *writer, const char *key, const char *word)
{
    begin_value(writer, key);
    fputs(word, writer->file);
}

// ---- reading

typedef struct reader {
    const char *at; // terminated, so one byte ahead can always be looked at
    const char *start;
    const char *wrong; // what was expected where reading stopped, or NULL
} reader;

static void skip_space(reader *in)
{
    while (*in->at == ' ' || *in->at == '\n' || *in->at == '\r' || *in->at == '\t')
        in->at++;
}

static int hex_digit(char digit)
{
    return digit >= '0' && digit <= '9'   ? digit - '0'
           : digit >= 'a' && digit <= 'f' ? digit - 'a' + 10
           : digit >= 'A' && digit <= 'F' ? digit - 'A' + 10
                                          : -1;
}

// \uXXXX below 0x800 only, as up to two bytes of UTF-8: our own writer escapes nothing above.
static bool read_unicode(reader *in, char **to)
{
    int value = 0;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(*in->at);
        if (digit < 0)
            return false;
        value = value * 16 + digit;
        in->at++;
    }
    if (value >= 0x80)
        *(*to)++ = (char)(0xc0 | value >> 6);
    *(*to)++ = (char)(value < 0x80 ? value : 0x80 | (value & 0x3f));
    return value > 0 && value < 0x800;
}

static bool read_escape(reader *in, char **to)
{
    static const char from[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
    char letter = *in->at++;
    if (letter == 'u')
        return read_unicode(in, to);
    const char *found = letter != '\0' ? strchr(from, letter) : NULL;
    if (found == NULL)
        return false;
    *(*to)++ = meant[found - from];
    return true;
}

// Reads a text whose opening quote is at in->at; NULL and `wrong` where it is none.
static char *read_text(reader *in)
{
    if (*in->at != '"') {
        in->wrong = "a text in quotes";
        return NULL;
    }
    const char *end = ++in->at;
    while (*end != '"' && *end != '\0')
        end += *end == '\\' && end[1] != '\0' ? 2 : 1;
    char *text = malloc((size_t)(end - in->at) + 1);
    char *to = text;
    while (text != NULL && *in->at != '"') {
        char byte = *in->at++;
        if (byte != '\\')
            *to++ = byte;
        if ((unsigned char)byte < 0x20 || (byte == '\\' && !read_escape(in, &to))) {
            in->wrong = "the rest of a text, or a known escape";
            free(text);
            return NULL;
        }
    }
    if (text == NULL) {
        in->wrong = "less text than this memory holds";
        return NULL;
    }
    in->at++;
    *to = '\0';
    return text;
}

static tt_json *read_value(reader *in, unsigned depth);

static bool read_items(reader *in, tt_json *value, char close, unsigned depth)
{
    tt_json **last = &value->item;
    skip_space(in);
    if (*in->at == close) {
        in->at++;
        return true;
    }
    for (;;) {
        char *key = NULL;
        skip_space(in);
        if (value->kind == TT_JSON_OBJECT) {
            key = read_text(in);
            if (key == NULL)
                return false;
            skip_space(in);
            if (*in->at != ':') {
                in->wrong = "':' after a name";
                free(key);
                return false;
            }
            in->at++;
        }
        tt_json *item = read_value(in, depth);
        if (item == NULL) {
            free(key);
            return false;
        }
        item->key = key;
        *last = item;
        last = &item->next;
        skip_space(in);
        char found = *in->at;
        if (found == close) {
            in->at++;
            return true;
        }
        if (found != ',') {
            in->wrong = close == ']' ? "',' or ']'" : "',' or '}'";
            return false;
        }
        in->at++;
    }
}

static bool read_word(reader *in, const char *word)
{
    size_t length = strlen(word);
    if (strncmp(in->at, word, length) != 0)
        return false;
    in->at += length;
    return true;
}

static const char *skip_digits(const char *at)
{
    return at + strspn(at, "0123456789");
}

// The end of a number (RFC 8259, 6), which is narrower than what strtod takes; NULL where there is
// none.
static const char *skip_number(const char *at)
{
    at += *at == '-';
    const char *whole = skip_digits(at);
    if (whole == at || (*at == '0' && whole > at + 1))
        return NULL;
    at = whole;
    if (*at == '.') {
        const char *fraction = skip_digits(at + 1);
        if (fraction == at + 1)
            return NULL;
        at = fraction;
    }
    if (*at == 'e' || *at == 'E') {
        at += 1 + (at[1] == '+' || at[1] == '-');
        const char *exponent = skip_digits(at);
        return exponent > at ? exponent : NULL;
    }
    return at;
}

static bool read_into(reader *in, tt_json *value, unsigned depth)
{
    if (*in->at == '{' || *in->at == '[') {
        value->kind = *in->at == '{' ? TT_JSON_OBJECT : TT_JSON_ARRAY;
        in->at++;
        if (depth == TT_JSON_DEPTH_MAX) {
            in->wrong = "fewer values inside one another";
            return false;
        }
        return read_items(in, value, value->kind == TT_JSON_OBJECT ? '}' : ']', depth + 1);
    }
    if (*in->at == '"') {
        value->kind = TT_JSON_TEXT;
        value->text = read_text(in);
        return value->text != NULL;
    }
    if (read_word(in, "null"))
        return true;
    if (read_word(in, "true")) {
        value->kind = TT_JSON_TRUE;
        return true;
    }
    if (read_word(in, "false")) {
        value->kind = TT_JSON_FALSE;
        return true;
    }
    const char *end = skip_number(in->at);
    value->kind = TT_JSON_NUMBER;
    value->number = end != NULL ? strtod(in->at, NULL) : NAN;
    if (!isfinite(value->number)) {
        in->wrong = "a value";
        return false;
    }
    in->at = end;
    return true;
}

static tt_json *read_value(reader *in, unsigned depth)
{
    tt_json *value = calloc(1, sizeof(*value));
    skip_space(in);
    if (value == NULL || !read_into(in, value, depth)) {
        tt_json_free(value);
        return NULL;
    }
    return value;
}

static tt_status parse(const char *path, const char *text, size_t length, tt_json **root,
                       tt_text *why)
{
    reader in = {.at = text, .start = text};
    *root = read_value(&in, 0);
    skip_space(&in);
    if (*root != NULL && in.at == text + length)
        return TT_OK;
    tt_json_free(*root);
    *root = NULL;
    unsigned line = 1;
    for (const char *at = text; at < in.at; at++)
        line += *at == '\n';
    tt_text_add(why, path);
    tt_text_add(why, ": line ");
    tt_text_add_unsigned(why, line);
    tt_text_add(why, ": expected ");
    tt_text_add(why, in.wrong != NULL ? in.wrong : "the end");
    return TT_MALFORMED;
}

tt_status tt_json_read(const char *path, tt_json **root, tt_text *why)
{
    *root = NULL;
    FILE *file = fopen(path, "rb");
    char *text = malloc(FILE_BYTES_MAX + 2);
    size_t length = file != NULL && text != NULL ? fread(text, 1, FILE_BYTES_MAX + 1, file) : 0;
    tt_status status = TT_OK;
    if (file == NULL || text == NULL) {
        status = TT_NOT_FOUND;
        tt_text_add(why, path);
        tt_text_add(why, " cannot be read");
    } else if (length > FILE_BYTES_MAX) {
        status = TT_TOO_LARGE;
        tt_text_add(why, path);
        tt_text_add(why, " is larger than 16 MiB");
    } else {
        text[length] = '\0';
        status = parse(path, text, length, root, why);
    }
    free(text);
    if (file != NULL)
        fclose(file);
    return status;
}

void tt_json_free(tt_json *value)
{
    while (value != NULL) { // the depth of the recursion is that of the text, which is bounded
        tt_json *next = value->next;
        tt_json_free(value->item);
        free(value->text);
        free(value->key);
        free(value);
        value = next;
    }
}

const tt_json *tt_json_get(const tt_json *object, const char *key)
{
    static const tt_json absent = {.kind = TT_JSON_NULL};
    for (const tt_json *item = object->item; item != NULL; item = item->next)
        if (item->key != NULL && strcmp(item->key, key) == 0)
            return item;
    return &absent;
}

double tt_json_get_number(const tt_json *object, const char *key)
{
    return tt_json_get(object, key)->number;
}

const char *tt_json_get_text(const tt_json *object, const char *key)
{
    const char *text = tt_json_get(object, key)->text;
    return text != NULL ? text : "";
}

size_t tt_json_count(const tt_json *value)
{
    size_t count = 0;
    for (const tt_json *item = value->item; item != NULL; item = item->next)
        count++;
    return count;
}
