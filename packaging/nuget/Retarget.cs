// Makes of an assembly that was compiled against Mono's own libraries one for .NET Standard 2.0: it then loads on .NET
// Core 2.0 and later, .NET Framework 4.7.2, Mono and Unity.
//
//   mono Retarget.exe IN.dll NETSTANDARD.dll OUT.dll
//   mono Retarget.exe --friend NAME IN.dll OUT.dll       adds [InternalsVisibleTo(NAME)], for tests alone
//
// Every type from elsewhere is then looked for in "netstandard", and it fails if one of them is not in .NET Standard:
// NETSTANDARD.dll is Mono's copy of that library for .NET Framework 4.7.2, which names the types of 2.0 and no more.
using System;
using System.Collections.Generic;
using System.Linq;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.Versioning;
using Mono.Cecil;

internal static class Retarget
{
    private static int Main(string[] args)
    {
        if (args.Length == 4 && args[0] == "--friend")
        {
            ModuleDefinition module = ModuleDefinition.ReadModule(args[2]);
            Add<InternalsVisibleToAttribute>(module, Reference(module, "netstandard"), args[1]);
            module.Write(args[3]);
            return 0;
        }
        if (args.Length != 3)
        {
            Console.Error.WriteLine("usage: Retarget IN.dll NETSTANDARD.dll OUT.dll");
            return 2;
        }
        ModuleDefinition input = ModuleDefinition.ReadModule(args[0]);
        AssemblyNameReference standard = Standard(args[1], out HashSet<string> types);
        input.AssemblyReferences.Add(standard);
        string[] missing = Move(input, standard).Where(name => !types.Contains(name)).ToArray();
        if (missing.Length > 0)
        {
            Console.Error.WriteLine("not in .NET Standard 2.0: " + string.Join(", ", missing));
            return 1;
        }
        foreach (AssemblyNameReference other in input.AssemblyReferences.Where(r => r != standard).ToArray())
        {
            input.AssemblyReferences.Remove(other);
        }
        Add<TargetFrameworkAttribute>(input, standard, ".NETStandard,Version=v2.0");
        input.Write(args[2]);

        AssemblyNameReference[] references = ModuleDefinition.ReadModule(args[2]).AssemblyReferences.ToArray();
        if (references.Length != 1 || references[0].FullName != standard.FullName)
        {
            Console.Error.WriteLine("it refers to " + string.Join("; ", references.Select(r => r.FullName)));
            return 1;
        }
        return 0;
    }

    /// <summary>The name of that library, as of 2.0, and what is in it.</summary>
    private static AssemblyNameReference Standard(string path, out HashSet<string> types)
    {
        ModuleDefinition module = ModuleDefinition.ReadModule(path);
        types = new HashSet<string>(module.ExportedTypes.Select(t => t.FullName));
        AssemblyNameDefinition name = module.Assembly.Name;
        if (name.Name != "netstandard" || types.Count < 2000)
        {
            throw new ArgumentException(path + " is not the library netstandard");
        }
        return new AssemblyNameReference("netstandard", new Version(2, 0, 0, 0)) { PublicKeyToken = name.PublicKeyToken };
    }

    /// <summary>Has every type of another assembly come from that one.</summary>
    private static IEnumerable<string> Move(ModuleDefinition module, AssemblyNameReference to)
    {
        foreach (TypeReference type in module.GetTypeReferences())
        {
            if (type.Scope is AssemblyNameReference)
            {
                type.Scope = to;
                yield return type.FullName;
            }
        }
    }

    private static AssemblyNameReference Reference(ModuleDefinition module, string name)
    {
        return module.AssemblyReferences.Single(r => r.Name == name);
    }

    /// <summary>An attribute of the assembly with one text, its types being those of that library.</summary>
    private static void Add<T>(ModuleDefinition module, AssemblyNameReference of, string text) where T : Attribute
    {
        var type = new TypeReference(typeof(T).Namespace, typeof(T).Name, module, of);
        var constructor = new MethodReference(".ctor", module.TypeSystem.Void, type) { HasThis = true };
        constructor.Parameters.Add(new ParameterDefinition(module.TypeSystem.String));
        var attribute = new CustomAttribute(constructor);
        attribute.ConstructorArguments.Add(new CustomAttributeArgument(module.TypeSystem.String, text));
        module.Assembly.CustomAttributes.Add(attribute);
    }
}
