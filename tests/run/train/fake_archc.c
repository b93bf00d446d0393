/* A stand-in for archc: whatever the text, it prints the hand-written network, once for each
 * word of the text, which name the models.  The words broken and crash do what they say. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void copy(const char *from, const char *folder, const char *name)
{
    char path[4200];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *in = fopen(from, "r"), *out = fopen(path, "w");
    if (!in || !out)
        exit(3);
    for (int c; (c = fgetc(in)) != EOF;)
        fputc(c, out);
    fclose(in);
    fclose(out);
}

static void print_model(const char *folder, const char *name, int is_double)
{
    char path[4200];
    const char *tail = is_double ? "_f64" : "";
    snprintf(path, sizeof path, "%s/%s%s.h", folder, name, tail);
    FILE *out = fopen(path, "w");
    if (!out)
        exit(3);
    fprintf(out, "#include \"arch_model.h\"\nconst ArchModel *%s%s_model(void);\n",
            name, tail);
    fclose(out);
    snprintf(path, sizeof path, "%s/%s%s.c", folder, name, tail);
    out = fopen(path, "w");
    if (!out)
        exit(3);
    fprintf(out, "#include \"%s%s.h\"\n#define TINY_ENTRY %s%s_model\n", name, tail,
            name, tail);
    fprintf(out, "#define TINY_NAME \"%s\"\n%s#include \"tiny_model.inc\"\n", name,
            is_double ? "#define TINY_DOUBLE\n" : "");
    fclose(out);
}

/* --precision=f32|f64 FILE -o FOLDER */
int main(int argc, char **argv)
{
    char name[64];
    if (argc != 5 || strcmp(argv[3], "-o") != 0)
        return 2;
    FILE *in = fopen(argv[2], "r");
    if (!in)
        return 3;
    fprintf(stderr, "fake archc runs\n");
    while (fscanf(in, "%63s", name) == 1) {
        if (strcmp(name, "crash") == 0)
            abort();
        if (strcmp(name, "broken") == 0) {
            fprintf(stderr, "%s:1:1: error: unknown layer 'broken'\n", argv[2]);
            return 1;
        }
        print_model(argv[4], name, strcmp(argv[1], "--precision=f64") == 0);
    }
    fclose(in);
    copy(ARCH_MODEL_H, argv[4], "arch_model.h");
    copy(TINY_MODEL_H, argv[4], "tiny_model.h");
    copy(TINY_MODEL_C, argv[4], "tiny_model.inc");
    return 0;
}
