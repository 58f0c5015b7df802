import com.sun.jna.Pointer;
import com.sun.jna.ptr.LongByReference;
import com.sun.jna.ptr.PointerByReference;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;

/** A player accepts, gets a message, and the next one is turned down; no caller waits for WeChat or the disk. */
public class Main {
    static final Wxsub wxsub = Wxsub.LIBRARY;
    static final Wxsub.Log log = (data, level, line) -> System.err.println("wxsub: " + line); // never collected
    static final ConcurrentHashMap<Long, CompletableFuture<Wxsub.Result>> waiting = new ConcurrentHashMap<>();
    static final AtomicLong lastTag = new AtomicLong();

    interface Call { int make(long tag, Wxsub.Result why); }

    static CompletableFuture<Wxsub.Result> submit(Call call) {
        long tag = lastTag.incrementAndGet();
        var future = new CompletableFuture<Wxsub.Result>();
        var why = new Wxsub.Result();
        waiting.put(tag, future); // before the call, since its result may come at once
        if (call.make(tag, why) != Wxsub.WXSUB_OK) waiting.remove(tag).complete(why); // WXSUB_E_QUEUE_FULL: later
        return future;
    }

    static void takeResults(Pointer client) { // until the client is freed
        for (var count = new LongByReference(); ; ) {
            var results = (Wxsub.Result[]) new Wxsub.Result().toArray(32);
            if (wxsub.wxsub_poll(client, results, 32, 1000, count) != Wxsub.WXSUB_OK) return;
            for (int i = 0; i < count.getValue(); i++) {
                var future = waiting.remove(results[i].tag);
                if (future != null) future.complete(results[i]);
            }
        }
    }

    public static void main(String[] args) throws Exception {
        if (wxsub.wxsub_abi() < Wxsub.WXSUB_ABI) throw new IllegalStateException("libwxsub is older than Wxsub.java");
        var out = new PointerByReference();
        var why = new Wxsub.Result();
        var config = Files.readString(Path.of(args.length > 0 ? args[0] : "wxsub.json"));
        if (wxsub.wxsub_init(config, out, why) != Wxsub.WXSUB_OK) throw new IllegalStateException(why.toString());
        var client = out.getValue();
        wxsub.wxsub_set_log(client, log, null, null, Wxsub.WXSUB_LOG_INFO);
        var taker = new Thread(() -> takeResults(client), "wxsub results");
        taker.start();

        var message = "{\"touser\": \"o-java\", \"template_id\": \"sim-stamina\","
                + " \"data\": {\"thing1\": \"体力已满，快来领取\", \"time2\": \"15:01\"}}";
        var accepted = submit((tag, w) -> wxsub.wxsub_submit_report(
                client, "o-java", "sim-stamina", Wxsub.WXSUB_ACCEPT, "answer-1", tag, null, w)).join();
        System.out.println("accepted: " + accepted + ", count " + accepted.remaining);
        var sent = submit((tag, w) -> wxsub.wxsub_submit(
                client, message, "{\"key\": \"stamina-4711\", \"tag\": " + tag + "}", null, w)).join();
        System.out.println(sent + ", message id " + sent.msgid + ", count " + sent.remaining);
        var second = submit((tag, w) -> wxsub.wxsub_submit(client, message, "{\"tag\": " + tag + "}", null, w)).join();
        System.out.println("one more: " + second);
        wxsub.wxsub_free(client);
        taker.join();
        System.exit(sent.status == Wxsub.WXSUB_OK && second.status == Wxsub.WXSUB_E_NO_QUOTA ? 0 : 1);
    }
}
