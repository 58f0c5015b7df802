import com.sun.jna.Callback;
import com.sun.jna.DefaultTypeMapper;
import com.sun.jna.Library;
import com.sun.jna.Native;
import com.sun.jna.Pointer;
import com.sun.jna.Structure;
import com.sun.jna.ToNativeContext;
import com.sun.jna.ToNativeConverter;
import com.sun.jna.ptr.LongByReference;
import com.sun.jna.ptr.PointerByReference;
import java.nio.charset.StandardCharsets;
import java.util.Map;

/**
 * wxsub.h for JNA, as far as a game server usually needs it; a test compares every line with the header. To use another
 * function, copy its arguments from wxsub.h: int for (u)int32_t, long for (u)int64_t and (64-bit systems) size_t.
 */
public interface Wxsub extends Library {
    Wxsub LIBRARY = Native.load(
            System.getenv().getOrDefault("WXSUB_LIBRARY", "wxsub"), Wxsub.class,
            Map.of(Library.OPTION_STRING_ENCODING, "UTF-8", Library.OPTION_TYPE_MAPPER, new Utf8Arguments()));

    /** JNA keeps to OPTION_STRING_ENCODING in what it returns, but passes arguments in the platform's encoding. */
    class Utf8Arguments extends DefaultTypeMapper {
        Utf8Arguments() {
            addToNativeConverter(String.class, new ToNativeConverter() {
                @Override
                public Object toNative(Object text, ToNativeContext context) {
                    return text == null ? null : (text + "\0").getBytes(StandardCharsets.UTF_8);
                }

                @Override
                public Class<?> nativeType() {
                    return byte[].class;
                }
            });
        }
    }

    int WXSUB_ABI = 2;
    int WXSUB_OK = 0;
    int WXSUB_E_NO_QUOTA = 20;
    int WXSUB_E_REFUSED = 21;
    int WXSUB_E_QUEUE_FULL = 22;
    int WXSUB_E_UNKNOWN = 41;
    int WXSUB_ACCEPT = 1;
    int WXSUB_REJECT = 2;
    int WXSUB_BAN = 3;
    int WXSUB_FILTER = 4;
    int WXSUB_RETRY_NEVER = 0;
    int WXSUB_RETRY_LATER = 1;
    int WXSUB_RETRY_UNSAFE = 2;
    int WXSUB_REPLAYED = 1;
    int WXSUB_STORED = 2;
    int WXSUB_OUTCOME = 4;
    int WXSUB_NOT_OURS = 8;
    int WXSUB_LOG_WARN = 2;
    int WXSUB_LOG_INFO = 3;

    /** wxsub_result. As an argument, an array comes from {@code new Result().toArray(n)}. */
    @Structure.FieldOrder({"struct_size", "status", "errcode", "http_status", "retry", "quota", "remaining", "msgid",
        "ticket", "tag", "attempts", "elapsed_ms", "retry_after_ms", "flags", "template_id", "key", "message"})
    class Result extends Structure {
        public int struct_size;
        public int status;
        public int errcode;
        public int http_status;
        public int retry;
        public int quota;
        public long remaining;
        public long msgid;
        public long ticket;
        public long tag;
        public int attempts;
        public int elapsed_ms;
        public int retry_after_ms;
        public int flags;
        public byte[] template_id = new byte[64];
        public byte[] key = new byte[64];
        public byte[] message = new byte[248];

        public Result() {
            struct_size = size();
        }

        /** The text of template_id, key or message. */
        public static String text(byte[] field) {
            return Native.toString(field, StandardCharsets.UTF_8);
        }

        @Override
        public String toString() {
            return LIBRARY.wxsub_status_name(status) + ": " + text(message);
        }
    }

    /** Called from any thread. Keep a reference to it until the client is freed, or it is collected. */
    interface Log extends Callback {
        void invoke(Pointer userData, int level, String message);
    }

    int wxsub_abi();
    String wxsub_version();
    String wxsub_status_name(int status);
    int wxsub_init(String configJson, PointerByReference out, Result why);
    int wxsub_set_log(Pointer client, Log log, Pointer userData, Pointer destroy, int maxLevel);
    int wxsub_shutdown(Pointer client, int drainMs, LongByReference unfinished);
    void wxsub_free(Pointer client);
    int wxsub_report(Pointer client, String openid, String templateId, int answer, String key, Result out);
    int wxsub_report_json(Pointer client, String openid, String json, String key, Result[] results, long capacity,
            LongByReference count);
    int wxsub_quota(Pointer client, String openid, String templateId, LongByReference remaining, Result why);
    int wxsub_send(Pointer client, String messageJson, String optionsJson, Result out);
    int wxsub_submit(Pointer client, String messageJson, String optionsJson, LongByReference ticket, Result why);
    int wxsub_submit_report(Pointer client, String openid, String templateId, int answer, String key, long tag,
            LongByReference ticket, Result why);
    int wxsub_poll(Pointer client, Result[] results, long capacity, int waitMs, LongByReference count);
    int wxsub_cancel(Pointer client, String openid, String key, Result out);
    int wxsub_lookup(Pointer client, String openid, String key, Result out);
    int wxsub_check(Pointer client, Result out);
}
