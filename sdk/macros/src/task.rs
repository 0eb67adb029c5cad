//! `#[task]`: checks the signature and writes `impl Task` and the export.

use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::parse::Parser;
use syn::spanned::Spanned;
use syn::{
    Attribute, Error, Expr, ExprLit, FnArg, GenericArgument, Ident, ItemFn, Lit, LitBool, LitStr,
    Meta, PathArguments, Result, ReturnType, Signature, Type,
};

/// Writes a type of the function's name that implements `Task` by calling it.
pub(crate) fn expand(arguments: TokenStream, function: &ItemFn) -> Result<TokenStream> {
    let arguments = Arguments::parse(arguments)?;
    let signature = &function.sig;
    refuse_unfit(signature)?;
    let parameters = Parameters::of(signature)?;
    let returned = Returned::of(signature)?;

    let name = arguments
        .name
        .map_or_else(|| quote! { env!("CARGO_PKG_NAME") }, text);
    let version = arguments
        .version
        .map_or_else(|| quote! { env!("CARGO_PKG_VERSION") }, text);
    let summary = arguments
        .summary
        .map_or_else(|| doc_summary(&function.attrs), |lit| lit.value());

    let logging = arguments.logging.is_none_or(|logging| logging.value);

    let visibility = &function.vis;
    let ident = &signature.ident;
    let input = parameters.input_type();
    let (output, error) = (&returned.output, &returned.error);
    let call = returned.wrap(&quote! { #ident }, &parameters);
    let about = format!("The task that the function [`{ident}`](fn@{ident}) is.");
    Ok(quote! {
        #[doc = #about]
        #[allow(non_camel_case_types)]
        #visibility enum #ident {}

        #[automatically_derived]
        impl ::stepwell_sdk::Task for #ident {
            const NAME: &'static str = #name;
            const VERSION: &'static str = #version;
            const SUMMARY: &'static str = #summary;
            const LOGGING: bool = #logging;

            type Input = #input;
            type Output = #output;
            type Error = #error;

            #call
        }

        ::stepwell_sdk::export_task!(#ident);
    })
}

/// What stands in `#[task(…)]`.
#[derive(Default)]
struct Arguments {
    name: Option<LitStr>,
    version: Option<LitStr>,
    summary: Option<LitStr>,
    logging: Option<LitBool>,
}

impl Arguments {
    fn parse(tokens: TokenStream) -> Result<Self> {
        let mut arguments = Self::default();
        let parser = syn::meta::parser(|meta| {
            if meta.path.is_ident("logging") {
                arguments.logging = Some(meta.value()?.parse()?);
                return Ok(());
            }
            let slot = if meta.path.is_ident("name") {
                &mut arguments.name
            } else if meta.path.is_ident("version") {
                &mut arguments.version
            } else if meta.path.is_ident("summary") {
                &mut arguments.summary
            } else {
                let message = "`#[task]` takes `name`, `version` and `summary`, each `= \"…\"`, \
                               and `logging = false`";
                return Err(meta.error(message));
            };
            *slot = Some(meta.value()?.parse()?);
            Ok(())
        });
        parser.parse2(tokens)?;
        Ok(arguments)
    }
}

fn text(literal: LitStr) -> TokenStream {
    quote! { #literal }
}

/// Returns the first paragraph of the doc comment, as one line.
fn doc_summary(attributes: &[Attribute]) -> String {
    let mut summary: Vec<String> = Vec::new();
    for line in attributes.iter().filter_map(doc_line) {
        match line.trim() {
            "" if summary.is_empty() => {}
            "" => break,
            words => summary.push(words.to_owned()),
        }
    }
    summary.join(" ")
}

fn doc_line(attribute: &Attribute) -> Option<String> {
    let Meta::NameValue(pair) = &attribute.meta else {
        return None;
    };
    match &pair.value {
        Expr::Lit(ExprLit {
            lit: Lit::Str(line),
            ..
        }) if pair.path.is_ident("doc") => Some(line.value()),
        _ => None,
    }
}

/// Refuses kinds of functions that the host could not call.
fn refuse_unfit(signature: &Signature) -> Result<()> {
    if let Some(keyword) = &signature.asyncness {
        return Err(Error::new_spanned(
            keyword,
            "a task is not async: the host runs each attempt in an instance of its own, \
             so blocking here holds up nobody",
        ));
    }
    if !signature.generics.params.is_empty() {
        return Err(Error::new_spanned(
            &signature.generics,
            "a task has no generics: its input and output are types with one JSON Schema",
        ));
    }
    Ok(())
}

/// The context and the input, as far as the function takes them.
struct Parameters {
    takes_context: bool,
    input: Option<Type>,
}

impl Parameters {
    fn of(signature: &Signature) -> Result<Self> {
        let expected = "a task takes `ctx: &Context` and then one input, either one, or nothing";
        let mut types = Vec::new();
        for parameter in &signature.inputs {
            match parameter {
                FnArg::Typed(typed) => types.push(typed.ty.as_ref()),
                FnArg::Receiver(receiver) => {
                    let message = "a task is a free function: `self` has no value in the host";
                    return Err(Error::new_spanned(receiver, message));
                }
            }
        }
        match types.as_slice() {
            [] => Ok(Self {
                takes_context: false,
                input: None,
            }),
            [only] if is_reference(only) => Ok(Self {
                takes_context: true,
                input: None,
            }),
            [only] => Ok(Self {
                takes_context: false,
                input: Some((*only).clone()),
            }),
            [first, second] if is_reference(first) && !is_reference(second) => Ok(Self {
                takes_context: true,
                input: Some((*second).clone()),
            }),
            _ => Err(Error::new_spanned(&signature.inputs, expected)),
        }
    }

    /// Returns the input's type; a task that takes none reads none.
    fn input_type(&self) -> TokenStream {
        match &self.input {
            Some(input) => quote! { #input },
            None => quote! { ::stepwell_sdk::RawJson },
        }
    }

    /// Writes the call's arguments, with the names of `Task::run`'s parameters.
    fn arguments(&self) -> TokenStream {
        match (self.takes_context, &self.input) {
            (true, Some(_)) => quote! { context, input },
            (true, None) => quote! { context },
            (false, Some(_)) => quote! { input },
            (false, None) => quote! {},
        }
    }
}

fn is_reference(parameter: &Type) -> bool {
    matches!(parameter, Type::Reference(_))
}

/// The two sides of what the function returns.
struct Returned {
    output: TokenStream,
    error: TokenStream,
    can_fail: bool,
}

impl Returned {
    fn of(signature: &Signature) -> Result<Self> {
        let ReturnType::Type(_, returned) = &signature.output else {
            return Ok(Self::infallible(quote! { () }));
        };
        let Type::Path(path) = returned.as_ref() else {
            return Ok(Self::infallible(quote! { #returned }));
        };
        let Some(last) = path
            .path
            .segments
            .last()
            .filter(|last| last.ident == "Result")
        else {
            return Ok(Self::infallible(quote! { #returned }));
        };
        let PathArguments::AngleBracketed(sides) = &last.arguments else {
            return Err(wrong_result(returned));
        };
        let mut types = sides.args.iter().map(|side| match side {
            GenericArgument::Type(side) => Ok(side),
            _ => Err(wrong_result(returned)),
        });
        match (
            types.next().transpose()?,
            types.next().transpose()?,
            types.next(),
        ) {
            (Some(output), Some(error), None) => {
                let (output, error) = (quote! { #output }, quote! { #error });
                Ok(Self {
                    output,
                    error,
                    can_fail: true,
                })
            }
            _ => Err(wrong_result(returned)),
        }
    }

    fn infallible(output: TokenStream) -> Self {
        Self {
            output,
            error: quote! { ::core::convert::Infallible },
            can_fail: false,
        }
    }

    /// Writes `fn run`, which calls the function.
    fn wrap(&self, function: &TokenStream, parameters: &Parameters) -> TokenStream {
        let arguments = parameters.arguments();
        let call = quote_spanned! { function.span() => #function(#arguments) };
        let body = if self.can_fail {
            call
        } else {
            quote! { ::core::result::Result::Ok(#call) }
        };
        let context = unused_unless(parameters.takes_context, "context");
        let input = unused_unless(parameters.input.is_some(), "input");
        quote! {
            fn run(
                #context: &::stepwell_sdk::Context,
                #input: Self::Input,
            ) -> ::core::result::Result<Self::Output, Self::Error> {
                #body
            }
        }
    }
}

fn unused_unless(used: bool, name: &str) -> Ident {
    if used {
        format_ident!("{name}")
    } else {
        format_ident!("_{name}")
    }
}

fn wrong_result(returned: &Type) -> Error {
    let message = "write both sides, `Result<Output, Error>`: the error's type names the errors";
    Error::new_spanned(returned, message)
}
