//! `#[derive(TaskError)]`.

use std::collections::BTreeSet;

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Attribute, Data, DeriveInput, Error, Fields, LitStr, Result};

/// The host refuses error names that are longer.
const NAME_CHARS_MAX: usize = 256;

/// Writes `impl TaskError` and `impl From<_> for TaskFailure`.
pub(crate) fn expand(item: &DeriveInput) -> Result<TokenStream> {
    let names = names(item)?;
    let name_body = name_body(item, &names);
    let ident = &item.ident;
    let (generics, type_generics, bounds) = item.generics.split_for_impl();
    Ok(quote! {
        #[automatically_derived]
        impl #generics ::stepwell_sdk::TaskError for #ident #type_generics #bounds {
            const NAMES: &'static [&'static str] = &[#(#names),*];

            fn name(&self) -> &str {
                #name_body
            }
        }

        #[automatically_derived]
        impl #generics ::core::convert::From<#ident #type_generics>
            for ::stepwell_sdk::TaskFailure #bounds
        {
            fn from(error: #ident #type_generics) -> Self {
                ::stepwell_sdk::TaskError::to_failure(&error)
            }
        }
    })
}

/// Returns the error names in their order, checked.
fn names(item: &DeriveInput) -> Result<Vec<LitStr>> {
    let names: Vec<LitStr> = match &item.data {
        Data::Enum(data) => data
            .variants
            .iter()
            .map(|variant| name_of(&variant.ident, &variant.attrs))
            .collect::<Result<_>>()?,
        Data::Struct(_) => vec![name_of(&item.ident, &item.attrs)?],
        Data::Union(_) => {
            return Err(Error::new_spanned(
                &item.ident,
                "a task's error is an enum or a struct",
            ));
        }
    };
    let mut seen = BTreeSet::new();
    for name in &names {
        check(name)?;
        if !seen.insert(name.value()) {
            let message = "two variants have this name: `Catch` could not tell them apart";
            return Err(Error::new(name.span(), message));
        }
    }
    Ok(names)
}

/// Returns the name that an attribute gives, or else the identifier.
fn name_of(ident: &syn::Ident, attributes: &[Attribute]) -> Result<LitStr> {
    let mut name = None;
    for attribute in attributes
        .iter()
        .filter(|attribute| attribute.path().is_ident("task_error"))
    {
        attribute.parse_nested_meta(|meta| {
            if !meta.path.is_ident("name") {
                return Err(meta.error("the one argument here is `name = \"…\"`"));
            }
            name = Some(meta.value()?.parse::<LitStr>()?);
            Ok(())
        })?;
    }
    Ok(name.unwrap_or_else(|| {
        // A raw identifier is written without its prefix in `ErrorEquals`.
        LitStr::new(ident.to_string().trim_start_matches("r#"), ident.span())
    }))
}

fn check(name: &LitStr) -> Result<()> {
    let value = name.value();
    let problem = if value.is_empty() {
        "an error name is not empty"
    } else if value.chars().count() > NAME_CHARS_MAX {
        "an error name has at most 256 characters"
    } else if value.starts_with("States.") {
        "names that start with `States.` belong to the host: take another prefix"
    } else {
        return Ok(());
    };
    Err(Error::new(name.span(), problem))
}

/// Writes the body of `fn name`.
fn name_body(item: &DeriveInput, names: &[LitStr]) -> TokenStream {
    let Data::Enum(data) = &item.data else {
        return quote! { #(#names)* };
    };
    if data.variants.is_empty() {
        return quote! { match *self {} };
    }
    let arms = data.variants.iter().zip(names).map(|(variant, name)| {
        let ident = &variant.ident;
        let fields = match variant.fields {
            Fields::Named(_) => quote! { { .. } },
            Fields::Unnamed(_) => quote! { (..) },
            Fields::Unit => quote! {},
        };
        quote! { Self::#ident #fields => #name }
    });
    quote! { match self { #(#arms),* } }
}
