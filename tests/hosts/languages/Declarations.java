import com.sun.jna.Callback;
import com.sun.jna.Pointer;
import com.sun.jna.ptr.LongByReference;
import com.sun.jna.ptr.PointerByReference;
import java.lang.reflect.Array;
import java.lang.reflect.Method;

/** Where JNA sees the fields of wxsub_result that are named in the command line, and what it passes to each function. */
public class Declarations {
    /** With a way to the offsets, which JNA keeps for subclasses. */
    public static class Result extends Wxsub.Result {
        int offset(String field) {
            return fieldOffset(field);
        }
    }

    static String kind(Class<?> type) {
        if (type == void.class) return "void";
        if (type == int.class) return "4";
        if (type == long.class) return "8";
        if (type == String.class) return "text";
        if (type == Wxsub.Result.class || type == Wxsub.Result[].class) return "result";
        if (type == LongByReference.class) return "to8";
        if (type == PointerByReference.class) return "to-pointer";
        if (type == Pointer.class || Callback.class.isAssignableFrom(type)) return "pointer";
        throw new IllegalArgumentException("what is " + type + " in C?");
    }

    public static void main(String[] fields) throws Exception {
        var result = new Result();
        System.out.println("size " + result.size());
        for (String name : fields) {
            var field = Wxsub.Result.class.getField(name);
            int size = field.getType() == int.class ? 4
                    : field.getType() == long.class ? 8 : Array.getLength(field.get(result));
            System.out.println("field " + name + " " + result.offset(name) + " " + size);
        }
        for (Method method : Wxsub.class.getDeclaredMethods()) {
            var line = new StringBuilder("function " + method.getName() + " " + kind(method.getReturnType()));
            for (Class<?> type : method.getParameterTypes()) line.append(' ').append(kind(type));
            System.out.println(line);
        }
    }
}
