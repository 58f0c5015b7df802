// Has the runtime compile every method of the wrapper: a type or a member that this runtime does not have shows here, and
// not when a game comes by. Then the native library, as the package brought it.
using System;
using System.Linq;
using System.Reflection;
using System.Runtime.CompilerServices;
using Wxsub;

internal static class Every
{
    private const BindingFlags Own = BindingFlags.DeclaredOnly | BindingFlags.Instance | BindingFlags.Static
        | BindingFlags.Public | BindingFlags.NonPublic;

    private static int Main()
    {
        Assembly wrapper = typeof(Client).Assembly;
        string[] references = wrapper.GetReferencedAssemblies().Select(name => name.Name).ToArray();
        if (references.Length != 1 || references[0] != "netstandard")
        {
            Console.Error.WriteLine("Wxsub.dll refers to " + string.Join(", ", references));
            return 1;
        }
        int count = 0;
        foreach (Type type in wrapper.GetTypes())
        {
            foreach (MethodBase method in type.GetMethods(Own).Cast<MethodBase>().Concat(type.GetConstructors(Own)))
            {
                if (method.GetMethodBody() != null && !method.ContainsGenericParameters)
                {
                    RuntimeHelpers.PrepareMethod(method.MethodHandle);
                    count++;
                }
            }
        }
        Console.WriteLine(wrapper.FullName + ": " + count + " methods; library " + Library.Version);
        return count > 100 ? 0 : 1;
    }
}
