#include "info_device.h"

#include <jansson.h>

#include "gpu_driver.h"
#include "gpu_nvrtc.h"

#define KIB 1024.0
#define MIB (1024.0 * KIB)
#define GIB (1024.0 * MIB)

typedef struct Found {
    Driver driver;
    Nvrtc nvrtc;      /* major is 0 if there is none */
    const char *lack; /* what is missing, or NULL    */
} Found;

static void print_device(FILE *out, int index, const GpuInfo *i)
{
    fprintf(out, "device %-4d %s (sm_%d)\n", index, i->name, i->arch);
    fprintf(out, "            %d SMs at %.0f MHz, each %d threads, %d registers\n",
            i->sms, i->clock_khz / 1e3, i->threads_per_sm, i->registers_per_sm);
    fprintf(out,
            "            shared memory %.0f KiB a block, %.0f KiB an SM; L2 %.0f MiB\n",
            i->shared_per_block / KIB, i->shared_per_sm / KIB, i->l2_bytes / MIB);
    fprintf(out, "            memory %.1f GiB, %.0f GB/s\n",
            (double)i->memory_bytes / GIB, i->memory_rate / 1e9);
}

static json_t *device_object(const GpuInfo *i)
{
    return json_pack(
        "{s:s, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:I, s:f}", "name", i->name,
        "arch", i->arch, "sms", i->sms, "clock_khz", i->clock_khz, "threads_per_block",
        i->threads_per_block, "threads_per_sm", i->threads_per_sm, "registers_per_sm",
        i->registers_per_sm, "shared_per_block", i->shared_per_block, "shared_per_sm",
        i->shared_per_sm, "l2_bytes", i->l2_bytes, "memory_bytes",
        (json_int_t)i->memory_bytes, "memory_rate", i->memory_rate);
}

/* "12.4"; NULL if there is none. */
static const char *version_text(char to[40], int major, int minor)
{
    snprintf(to, 40, "%d.%d", major, minor);
    return major ? to : NULL;
}

static const char *driver_text(char to[40], const Found *f)
{
    return version_text(to, f->driver.version / 1000, f->driver.version % 1000 / 10);
}

static const char *nvrtc_text(char to[40], const Found *f)
{
    return version_text(to, f->nvrtc.major, f->nvrtc.minor);
}

static bool print_text(const Found *f, FILE *out, ArchError *e)
{
    char version[40];
    GpuInfo info;
    const char *driver = driver_text(version, f);
    fprintf(out, "driver      %s%s\n", driver ? "CUDA " : "none", driver ? driver : "");
    const char *nvrtc = nvrtc_text(version, f);
    fprintf(out, "NVRTC       %s%s%s\n", nvrtc ? nvrtc : "none that suits",
            nvrtc ? ", " : "", nvrtc ? f->nvrtc.path : "");
    for (int i = 0; i < f->driver.devices; i++) {
        if (!driver_info(&f->driver, i, &info, e))
            return false;
        print_device(out, i, &info);
    }
    return true;
}

static bool print_json(const Found *f, FILE *out, ArchError *e)
{
    char driver[40], nvrtc[40];
    GpuInfo info;
    json_t *devices = json_array();
    bool ok = true;
    for (int i = 0; i < f->driver.devices && ok; i++)
        if ((ok = driver_info(&f->driver, i, &info, e)))
            json_array_append_new(devices, device_object(&info));
    json_t *line = json_pack("{s:s?, s:s?, s:s?, s:o, s:s?}", "driver",
                             driver_text(driver, f), "nvrtc", nvrtc_text(nvrtc, f),
                             "nvrtc_path", f->nvrtc.major ? f->nvrtc.path : NULL,
                             "devices", devices, "error", ok ? f->lack : e->text);
    json_dumpf(line, out, 0);
    fputc('\n', out);
    json_decref(line);
    return ok;
}

bool info_device(bool json, FILE *out, ArchError *e)
{
    Found f = {0};
    ArchError other;
    bool has_driver = driver_open(&f.driver, e);
    bool has_nvrtc = nvrtc_open(&f.nvrtc, f.driver.version, has_driver ? e : &other);
    f.lack = has_driver && has_nvrtc ? NULL : e->text;
    bool ok = json ? print_json(&f, out, e) : print_text(&f, out, e);
    return ok && !f.lack;
}
