//! Trees of source to measure with, the same in every run.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;

/// How many files a package has; the last one may have fewer.
const PACKAGE: usize = 500;

/// The generated tree of this size; written once.
pub(crate) fn generated(scratch: &Path, files: usize) -> Result<PathBuf> {
    let root = scratch.join(format!("tree-{files}"));
    let done = scratch.join(format!("tree-{files}.done"));
    if !done.is_file() {
        if root.exists() {
            fs::remove_dir_all(&root)?;
        }
        write(&root, files)?;
        fs::write(done, "")?;
    }
    Ok(root)
}

/// Writes a workspace of Express servers with `files` TypeScript files under `root`: in each package a server, a
/// router in every 20 files, and code that routers use.
fn write(root: &Path, files: usize) -> Result<()> {
    fs::create_dir_all(root)?;
    fs::write(root.join("package.json"), r#"{ "name": "workspace", "private": true, "workspaces": ["packages/*"] }"#)?;
    for (package, first) in (0..files).step_by(PACKAGE).enumerate() {
        package_of(&root.join(format!("packages/p{package}")), package, PACKAGE.min(files - first))?;
    }
    Ok(())
}

fn package_of(folder: &Path, package: usize, files: usize) -> Result<()> {
    let src = folder.join("src");
    for part in ["routes", "services", "views"] {
        fs::create_dir_all(src.join(part))?;
    }
    let manifest = format!(
        "{{ \"name\": \"@acme/p{package}\", \"version\": \"1.0.0\", \"dependencies\": {{ \"express\": \"5.1.0\" }} }}\n"
    );
    fs::write(folder.join("package.json"), manifest)?;
    let routers: Vec<usize> = (1..files).step_by(20).collect();
    fs::write(src.join("server.ts"), server(&routers))?;
    for at in 1..files {
        let (file, text) = match at {
            _ if routers.contains(&at) => (format!("routes/r{at}.ts"), router(at, files)),
            _ if at % 3 == 0 => (format!("views/v{at}.tsx"), view(at)),
            _ => (format!("services/s{at}.ts"), service(at)),
        };
        fs::write(src.join(file), text)?;
    }
    Ok(())
}

fn server(routers: &[usize]) -> String {
    let mut text = String::from("import express from \"express\";\n");
    for at in routers {
        let _ = writeln!(text, "import r{at} from \"./routes/r{at}\";");
    }
    text.push_str("\nconst app = express();\napp.use(express.json());\n");
    for at in routers {
        let _ = writeln!(text, "app.use(\"/r{at}\", r{at});");
    }
    text.push_str("app.listen(3000);\n");
    text
}

fn router(at: usize, files: usize) -> String {
    let mut text = String::from("import { Router } from \"express\";\n");
    let services: Vec<usize> = (at + 1..files.min(at + 20)).filter(|it| it % 3 != 0).collect();
    for it in &services {
        let _ = writeln!(text, "import {{ list{it}, change{it} }} from \"../services/s{it}\";");
    }
    text.push_str("\nconst router = Router();\n");
    for it in services.iter().take(4) {
        let _ = writeln!(
            text,
            "router.get(\"/items{it}/:id\", async (req, res) => {{\n  res.json(await list{it}(req.params.id, {{ limit: 10 }}));\n}});"
        );
        let _ = writeln!(
            text,
            "router.post(\"/items{it}\", async (req, res) => {{\n  res.status(201).json(await change{it}(req.body));\n}});"
        );
    }
    text.push_str("\nexport default router;\n");
    text
}

fn service(at: usize) -> String {
    let mut text = format!(
        "export interface Item{at} {{\n  id: string;\n  name: string;\n  tags?: string[];\n}}\n\n\
         const cache{at} = new Map<string, Item{at}>();\n\n"
    );
    for part in ["list", "change", "check", "rename", "remove"] {
        let _ = write!(
            text,
            "/** Does what the name says. */\n\
             export async function {part}{at}(input: unknown, options: {{ limit?: number }} = {{}}): Promise<Item{at}[]> {{\n\
             \x20 const found: Item{at}[] = [];\n\
             \x20 for (const [key, item] of cache{at}) {{\n\
             \x20   if (options.limit !== undefined && found.length >= options.limit) break;\n\
             \x20   if (key === String(input) || item.name.startsWith(`{part}-${{key}}`)) found.push({{ ...item, id: key }});\n\
             \x20 }}\n\
             \x20 return found.sort((a, b) => a.name.localeCompare(b.name));\n\
             }}\n\n"
        );
    }
    text
}

fn view(at: usize) -> String {
    format!(
        "import {{ useState }} from \"react\";\n\n\
         export function View{at}({{ title, items }}: {{ title: string; items: string[] }}) {{\n\
         \x20 const [open, setOpen] = useState(false);\n\
         \x20 return (\n\
         \x20   <section className=\"view view-{at}\">\n\
         \x20     <h2 onClick={{() => setOpen(!open)}}>{{title}}</h2>\n\
         \x20     {{open && (\n\
         \x20       <ul>\n\
         \x20         {{items.map((item) => (\n\
         \x20           <li key={{item}}>{{item}}</li>\n\
         \x20         ))}}\n\
         \x20       </ul>\n\
         \x20     )}}\n\
         \x20   </section>\n\
         \x20 );\n\
         }}\n"
    )
}
